//! `[servers.issues]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Own settings of the issues server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds that a claim lasts when its claimer does not say.
    pub lease_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { lease_s: 900 }
    }
}
