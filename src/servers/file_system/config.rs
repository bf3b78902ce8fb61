//! `[servers.file_system]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of fs-mcp.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest file that write_file writes and edit_file changes, in bytes. Reading has no limit: it is paged.
    pub max_file_bytes: u64,
    /// Flush every write to the disk before it is answered. Without it a power cut may lose the last writes.
    pub fsync: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_file_bytes: 10 << 20,
            fsync: true,
        }
    }
}
