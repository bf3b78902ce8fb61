//! `[servers.code_analysis]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the code analysis server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest source file that is parsed, in bytes.
    pub max_file_bytes: u64,
    /// Definitions kept in memory, shared by all workspaces; about 300 bytes each.
    pub max_cached_symbols: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 20,
            max_cached_symbols: 200_000,
        }
    }
}
