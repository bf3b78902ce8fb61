//! What requests cost, in whole nano-dollars (10⁻⁹ USD), and the table of prices that comes with the hub.

mod entry;
mod table;

#[cfg(test)]
mod tests;

use super::chat::Usage;

pub use entry::{Capabilities, Entry, Task, slim as slim_entry};
pub use table::{Origin, Table, belongs, keys, slim};

/// How a request is made, where that has a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Standard,
    /// Answered within a day.
    Batch,
    /// Answered when there is room (`service_tier` `flex`).
    Flex,
    /// Answered before others (`service_tier` `priority`).
    Priority,
}

impl Mode {
    /// What a `service_tier` stands for, in a request or an answer; none where it leaves that to the provider.
    pub fn of_tier(tier: &str) -> Option<Self> {
        match tier {
            "default" | "standard" | "standard_only" => Some(Self::Standard),
            "batch" => Some(Self::Batch),
            "flex" => Some(Self::Flex),
            "priority" => Some(Self::Priority),
            _ => None,
        }
    }
}

/// Prices of a million tokens by class, in nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    pub input: i64,
    pub output: i64,
    /// Of input that was read from the provider's cache; as input where it is not given.
    pub cached: Option<i64>,
    /// Of input that was written to the provider's cache. It costs more than input: not guessed where it is not given.
    pub written: Option<i64>,
    /// Of what was written to be kept for an hour.
    pub written_1h: Option<i64>,
    /// Of output that was reasoning; as output where it is not given.
    pub reasoning: Option<i64>,
}

/// The rates of a mode. Above a tier's count of input tokens the whole request is priced at the tier's rates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tariff {
    pub base: Rates,
    /// Lowest first.
    pub tiers: Vec<(u64, Rates)>,
}

/// What a model costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Price {
    pub standard: Tariff,
    pub batch: Option<Tariff>,
    pub flex: Option<Tariff>,
    pub priority: Option<Tariff>,
    /// Of a request beside its tokens, in nano-dollars.
    pub per_request: i64,
}

impl Price {
    /// The price of one set of rates for all.
    pub fn flat(base: Rates) -> Self {
        Self {
            standard: Tariff {
                base,
                tiers: Vec::new(),
            },
            ..Self::default()
        }
    }

    /// For what costs nothing.
    pub fn free() -> Self {
        Self::default()
    }

    /// The cost of `usage` in nano-dollars, rounded half up once. None where a count, or the price of a class that was used, is
    /// not known.
    pub fn cost(&self, usage: &Usage, mode: Mode) -> Option<i64> {
        let tariff = match mode {
            Mode::Standard => &self.standard,
            Mode::Batch => self.batch.as_ref()?,
            Mode::Flex => self.flex.as_ref()?,
            Mode::Priority => self.priority.as_ref()?,
        };
        if tariff.is_free() {
            return Some(self.per_request);
        }
        let input = usage.input?;
        let millionths = tariff.rates(input).cost(input, usage)?;
        let tokens = i64::try_from((millionths + 500_000).div_euclid(1_000_000)).ok()?;
        tokens.checked_add(self.per_request)
    }
}

impl Tariff {
    /// The rates for a request of so many input tokens.
    fn rates(&self, input: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|(above, _)| input > *above);
        tier.map_or(&self.base, |(_, rates)| rates)
    }

    fn is_free(&self) -> bool {
        let free = |rates: &Rates| {
            let others = [
                rates.cached,
                rates.written,
                rates.written_1h,
                rates.reasoning,
            ];
            rates.input == 0 && rates.output == 0 && others.iter().flatten().all(|rate| *rate == 0)
        };
        free(&self.base) && self.tiers.iter().all(|(_, rates)| free(rates))
    }
}

impl Rates {
    /// In millionths of a nano-dollar.
    fn cost(&self, input: u64, usage: &Usage) -> Option<i128> {
        let part = |tokens: u64, rate: i64| i128::from(tokens) * i128::from(rate);
        // Only what was used needs a price.
        let class = |tokens: u64, rate: Option<i64>| {
            if tokens == 0 {
                Some(0)
            } else {
                Some(part(tokens, rate?))
            }
        };
        let output = match usage.output {
            None if self.output == 0 => 0,
            output => output?,
        };
        let cached = usage.cached.unwrap_or(0).min(input);
        let written = usage.written.unwrap_or(0).min(input - cached);
        let written_1h = usage.written_1h.unwrap_or(0).min(written);
        let reasoning = usage.reasoning.unwrap_or(0).min(output);
        Some(
            part(input - cached - written, self.input)
                + part(cached, self.cached.unwrap_or(self.input))
                + class(written - written_1h, self.written)?
                + class(written_1h, self.written_1h)?
                + part(output - reasoning, self.output)
                + part(reasoning, self.reasoning.unwrap_or(self.output)),
        )
    }
}

/// Dollars of a million tokens, as configured, in nano-dollars.
pub fn nano(dollars: f64) -> Option<i64> {
    (0.0..=1e9)
        .contains(&dollars)
        .then(|| (dollars * 1e9).round() as i64)
}
