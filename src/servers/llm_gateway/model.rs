//! Requests as callers see them.

use schemars::JsonSchema;
use serde::Serialize;

use super::engine::{price::Price, provider};

/// Tokens by class, as the provider reported them; a class it did not report is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Usage {
    /// All input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// What of the input was read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// All output tokens, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What of the output was reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl From<provider::Usage> for Usage {
    fn from(usage: provider::Usage) -> Self {
        Self {
            input_tokens: usage.input,
            cached_tokens: usage.cached,
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
        }
    }
}

/// Where a cost comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    /// The prices in the hub's settings.
    Config,
    /// The model is simulated and free.
    Simulated,
    /// The price, or the usage, is not known.
    Unknown,
}

/// What a request cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Cost {
    /// Dollars; left out when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Where it comes from.
    pub source: CostSource,
}

impl Cost {
    /// The cost in nano-dollars, and as it is shown.
    pub fn of(
        price: Option<&Price>,
        simulated: bool,
        usage: &provider::Usage,
    ) -> (Option<i64>, Self) {
        let nano = price.and_then(|price| price.cost(usage));
        let source = match nano {
            _ if simulated => CostSource::Simulated,
            Some(_) => CostSource::Config,
            None => CostSource::Unknown,
        };
        (
            nano,
            Self {
                usd: nano.map(dollars),
                source,
            },
        )
    }
}

/// Nano-dollars as dollars.
pub fn dollars(nano: i64) -> f64 {
    nano as f64 / 1e9
}
