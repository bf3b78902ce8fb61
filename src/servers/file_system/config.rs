//! `[servers.file_system]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of fs-mcp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest file that is written from a call's arguments or edited, in bytes. Reading has no limit: it is paged.
    pub max_file_bytes: u64,
    /// Largest image or sound that read_media_file shows, in bytes.
    pub max_media_bytes: u64,
    /// Most bytes that an archive may unpack to, or may be made of, and most entries in it.
    pub max_archive_bytes: u64,
    /// See [`Config::max_archive_bytes`].
    pub max_archive_entries: usize,
    /// Bytes that the files of a project may take: its agents' workspaces, what they deleted, and their snapshots.
    pub project_quota_bytes: u64,
    /// Days that deleted files are kept; less when the project needs the room. 0 keeps them until then.
    pub trash_days: u32,
    /// Snapshots kept of each workspace: a new one beyond them removes the oldest.
    pub max_snapshots: usize,
    /// Seconds that a lease lasts when its taker does not say.
    pub lease_s: u32,
    /// Flush every write to the disk before it is answered. Without it a power cut may lose the last writes.
    pub fsync: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_file_bytes: 10 << 20,
            max_media_bytes: 3 << 20,
            max_archive_bytes: 256 << 20,
            max_archive_entries: 20_000,
            project_quota_bytes: 20 << 30,
            trash_days: 14,
            max_snapshots: 50,
            lease_s: 900,
            fsync: true,
        }
    }
}
