//! Where a call goes: routes and their targets, how those do, how often they are tried, and how much may go to them.

pub mod health;
pub mod limits;
pub mod plan;

/// A random number below `n`; 0 where there is no randomness to be had.
pub fn random_below(n: u64) -> u64 {
    getrandom::u64().unwrap_or(0).checked_rem(n).unwrap_or(0)
}
