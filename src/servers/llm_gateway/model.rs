//! Requests as callers see them.

use schemars::JsonSchema;
use serde::Serialize;

use super::engine::chat;

/// Tokens by class, as the provider reported them; a class it did not report is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Usage {
    /// All input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// What of the input was read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// What of the input was written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_written_tokens: Option<u64>,
    /// All output tokens, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What of the output was reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl From<chat::Usage> for Usage {
    fn from(usage: chat::Usage) -> Self {
        Self {
            input_tokens: usage.input,
            cached_tokens: usage.cached,
            cache_written_tokens: usage.written,
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
        }
    }
}

/// Nano-dollars as dollars.
pub fn dollars(nano: i64) -> f64 {
    nano as f64 / 1e9
}
