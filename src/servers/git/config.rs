//! `[servers.git]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of git-mcp.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Agents commit as `<agent> <<agent>@<project>.<email_domain>>`.
    pub email_domain: String,
    /// Largest tree that is written out for a run, in bytes.
    pub max_export_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            email_domain: "syndarix.local".into(),
            max_export_bytes: 1 << 30,
        }
    }
}
