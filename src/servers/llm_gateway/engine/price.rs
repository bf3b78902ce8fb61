//! What a request costs, in whole nano-dollars (10⁻⁹ USD).

use super::provider::Usage;

/// Prices of a million tokens, in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    /// Of input that the provider read from its cache; as input where it is not given.
    pub cached: Option<u64>,
    pub output: u64,
}

impl Price {
    /// For what costs nothing.
    pub const FREE: Self = Self {
        input: 0,
        cached: None,
        output: 0,
    };

    /// The cost of `usage`, rounded half up once; nothing where the usage is not known.
    pub fn cost(&self, usage: &Usage) -> Option<i64> {
        if *self == Self::FREE {
            return Some(0);
        }
        let (input, output) = (usage.input?, usage.output.unwrap_or(0));
        let cached = usage.cached.unwrap_or(0).min(input);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(input - cached, self.input)
            + part(cached, self.cached.unwrap_or(self.input))
            + part(output, self.output);
        i64::try_from((sum + 500_000) / 1_000_000).ok()
    }
}

/// Dollars of a million tokens, as configured, in nano-dollars.
pub fn nano(dollars: f64) -> Option<u64> {
    (dollars.is_finite() && (0.0..=1e9).contains(&dollars)).then(|| (dollars * 1e9).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_by_hand() {
        // $3 and $15 a million, cached input $0.30: 1000 in (400 of it cached), 200 out.
        let price = Price {
            input: 3_000_000_000,
            cached: Some(300_000_000),
            output: 15_000_000_000,
        };
        let usage = Usage {
            input: Some(1000),
            cached: Some(400),
            output: Some(200),
            reasoning: Some(50),
            ..Usage::default()
        };
        // 600 × 3000 + 400 × 300 + 200 × 15000 nano-dollars.
        assert_eq!(price.cost(&usage), Some(1_800_000 + 120_000 + 3_000_000));
        assert_eq!(price.cost(&Usage::default()), None);
        assert_eq!(Price::FREE.cost(&Usage::default()), Some(0));
    }

    #[test]
    fn a_price_below_a_nano_dollar_a_token_rounds_once() {
        let price = Price {
            input: nano(0.0375).unwrap(),
            cached: None,
            output: 0,
        };
        let usage = |input| Usage {
            input: Some(input),
            ..Usage::default()
        };
        assert_eq!(price.cost(&usage(1)), Some(38));
        assert_eq!(price.cost(&usage(1_000_000)), Some(37_500_000));
        assert_eq!(nano(-1.0), None);
    }
}
