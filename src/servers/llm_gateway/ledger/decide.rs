//! Whether a request fits a budget's window: the one rule, for one hub and for several alike.

use std::ops::{Add, Sub};

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amounts {
    pub nano_usd: i64,
    pub tokens: i64,
    pub requests: i64,
}

impl Add for Amounts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_add(other.nano_usd),
            tokens: self.tokens.saturating_add(other.tokens),
            requests: self.requests.saturating_add(other.requests),
        }
    }
}

impl Sub for Amounts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            nano_usd: self.nano_usd.saturating_sub(other.nano_usd),
            tokens: self.tokens.saturating_sub(other.tokens),
            requests: self.requests.saturating_sub(other.requests),
        }
    }
}

/// The most of each; no limit where it is not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub nano_usd: Option<i64>,
    pub tokens: Option<i64>,
    pub requests: Option<i64>,
}

impl Limits {
    /// Whether `amounts` are within all of them.
    pub fn allow(&self, amounts: Amounts) -> bool {
        let within = |limit: Option<i64>, amount| limit.is_none_or(|limit| amount <= limit);
        within(self.nano_usd, amounts.nano_usd)
            && within(self.tokens, amounts.tokens)
            && within(self.requests, amounts.requests)
    }
}

/// How a window stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub spent: Amounts,
    /// What requests that have not ended hold.
    pub held: Amounts,
    /// How many of them there are.
    pub in_flight: i64,
}

/// What a request asks of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// What is held for it until it ends: twice what is likely, since estimates are off, and no less than `least`.
    pub hold: Amounts,
    /// What it will use at the very least.
    pub least: Amounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Admit,
    /// Ask again when a request in flight has ended.
    Wait,
    Refuse,
}

/// Far from the limit requests go side by side; near it, where only their ends tell what is left, one by one.
pub fn decide(limits: &Limits, standing: &Standing, ask: &Ask) -> Verdict {
    if limits.allow(standing.spent + standing.held + ask.hold) {
        Verdict::Admit
    } else if !limits.allow(standing.spent + ask.least) {
        Verdict::Refuse
    } else if standing.in_flight > 0 {
        Verdict::Wait
    } else {
        Verdict::Admit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: i64) -> Amounts {
        Amounts {
            tokens,
            ..Amounts::default()
        }
    }

    fn verdict(spent: i64, held: i64, in_flight: i64, hold: i64, least: i64) -> Verdict {
        let limits = Limits {
            tokens: Some(100),
            ..Limits::default()
        };
        let standing = Standing {
            spent: tokens(spent),
            held: tokens(held),
            in_flight,
        };
        decide(
            &limits,
            &standing,
            &Ask {
                hold: tokens(hold),
                least: tokens(least),
            },
        )
    }

    #[test]
    fn far_from_the_limit_all_go_near_it_one_by_one() {
        assert_eq!(verdict(0, 80, 4, 20, 5), Verdict::Admit);
        assert_eq!(verdict(0, 81, 4, 20, 5), Verdict::Wait);
        assert_eq!(
            verdict(90, 0, 0, 20, 10),
            Verdict::Admit,
            "alone, and it may fit"
        );
        assert_eq!(verdict(90, 20, 1, 20, 10), Verdict::Wait);
        assert_eq!(verdict(91, 0, 0, 20, 10), Verdict::Refuse);
        assert_eq!(
            verdict(91, 20, 1, 20, 10),
            Verdict::Refuse,
            "no end of another makes room"
        );
        assert_eq!(
            verdict(100, 0, 0, 0, 0),
            Verdict::Admit,
            "what is free fits always"
        );
    }

    #[test]
    fn every_limit_counts_and_none_is_none() {
        let limits = Limits {
            nano_usd: Some(5),
            requests: Some(1),
            tokens: None,
        };
        let fits = |nano_usd, requests| {
            limits.allow(Amounts {
                nano_usd,
                requests,
                tokens: i64::MAX,
            })
        };
        assert!(fits(5, 1) && !fits(6, 1) && !fits(5, 2));
    }
}
