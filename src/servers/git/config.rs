//! `[servers.git]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of git-mcp.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Agents commit as `<agent> <<agent>@<project>.<email_domain>>`.
    pub email_domain: String,
    /// The git program: a name on the hub's `PATH` or a path. It must be version 2.45 or newer. When it is empty or not
    /// there, remotes do not work and some tools take longer.
    pub program: String,
    /// Largest tree that is written out for a run, in bytes.
    pub max_export_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            email_domain: "syndarix.local".into(),
            program: "git".into(),
            max_export_bytes: 1 << 30,
        }
    }
}
