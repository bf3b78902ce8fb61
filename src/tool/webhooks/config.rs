//! `[webhooks]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest wait between two attempts, in seconds.
const MAX_RETRY_S: u32 = 7 * 86_400;
/// Most attempts after the first.
const MAX_RETRIES: usize = 20;

/// `[webhooks]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksConfig {
    /// Private addresses that webhooks may go to, as `host:port`. Plain http is spoken there and nowhere else.
    pub allowed_private: Vec<String>,
    /// Seconds between a failed attempt and the next, up to a tenth more; after the last a delivery has failed.
    pub retry_s: Vec<u32>,
    /// Days that the log of deliveries is kept; 0 for ever.
    pub retention_days: u32,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            allowed_private: Vec::new(),
            retry_s: vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000],
            retention_days: 7,
        }
    }
}

impl WebhooksConfig {
    /// What is wrong: the field, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let fits = |wait: &u32| (1..=MAX_RETRY_S).contains(wait);
        if self.retry_s.len() <= MAX_RETRIES && self.retry_s.iter().all(fits) {
            return Ok(());
        }
        let problem =
            format!("must be at most {MAX_RETRIES} numbers of seconds from 1 to {MAX_RETRY_S}");
        Err(("retry_s", problem))
    }
}
