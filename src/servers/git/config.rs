//! `[servers.git]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of git-mcp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Agents commit as `<agent> <<agent>@<project>.<email_domain>>`.
    pub email_domain: String,
    /// The git program: a name on the hub's `PATH` or a path. It must be version 2.45 or newer. When it is empty or not
    /// there, remotes do not work and some tools take longer.
    pub program: String,
    /// Repositories elsewhere.
    pub remotes: RemotesConfig,
    /// Largest tree that is written out for a run, in bytes.
    pub max_export_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            email_domain: "syndarix.local".into(),
            program: "git".into(),
            remotes: RemotesConfig::default(),
            max_export_bytes: 1 << 30,
        }
    }
}

/// Settings of repositories elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemotesConfig {
    /// Hosts that may be gone to, such as `github.com`; all public ones when empty.
    pub allowed_hosts: Vec<String>,
    /// Where private addresses are meant, as `host:port`; plain http is allowed there and nowhere else.
    pub allowed_private: Vec<String>,
    /// OpenSSH's client, for addresses with ssh: a name on the hub's `PATH` or a path. When it is empty or not there, they are
    /// not gone to.
    pub ssh_program: String,
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<std::path::PathBuf>,
    /// Longest clone, fetch or push, in seconds.
    pub max_seconds: u64,
}

impl Default for RemotesConfig {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_private: Vec::new(),
            ssh_program: "ssh".into(),
            ca_file: None,
            max_seconds: 900,
        }
    }
}
