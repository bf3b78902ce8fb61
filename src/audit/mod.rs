//! Floor 2: the audit log. Every call leaves a row: who, where, what, how it ended, how long it took.
//!
//! Writing calls are on record before they run and when they have ended, whatever happens to the process; reading calls are
//! written when they have ended. All go to the database in batches, where each is linked to the one before it: see [`chain`].

pub mod chain;
mod head;
mod store;
mod verify;
mod writer;

use std::{borrow::Cow, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chain::ChainKey;
pub use head::{Head, heads};
pub use store::{Query, Record, ended, ends, find, since};
pub use verify::{Report, Verified, verify};
pub use writer::Audit;

use crate::{access::Access, base::clock::Millis};

/// `[audit]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Whether redacted arguments are kept with each entry.
    pub arguments: bool,
    /// Days that entries are kept; 0 for ever.
    pub retention_days: u32,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            arguments: true,
            retention_days: 90,
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It runs, or the hub died while it ran.
    Started,
    /// It did what was asked.
    Ok,
    /// It failed.
    Error,
    /// It was not let in.
    Refused,
    /// Its caller cancelled it.
    Cancelled,
    /// Its caller went away, or the hub stopped.
    Aborted,
}

impl Outcome {
    /// The text that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
        }
    }
}

/// Which face a call came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An MCP client.
    Mcp,
    /// The REST API.
    Rest,
    /// Another server of this process.
    Module,
    /// The program that embeds the hub, or its command line.
    Embedded,
}

impl Origin {
    /// The text that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Rest => "rest",
            Self::Module => "module",
            Self::Embedded => "embedded",
        }
    }
}

/// One call, as it goes into the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The call's id.
    pub id: Arc<str>,
    /// When it was asked for.
    pub started_ms: Millis,
    /// How long it took, in microseconds, once it has ended.
    pub duration_us: Option<i64>,
    /// The token that made it.
    pub principal: Arc<str>,
    /// The project it named.
    pub project: Arc<str>,
    /// The agent it named.
    pub agent: Arc<str>,
    /// The tool's server, or `hub` for administration.
    pub server: Cow<'static, str>,
    /// The tool.
    pub tool: Cow<'static, str>,
    /// What the tool does to the world.
    pub access: Access,
    /// The face it came through.
    pub origin: Origin,
    /// The call that made this one, if another did.
    pub parent: Option<Arc<str>>,
    /// The HTTP request that carried it.
    pub request: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, if it failed.
    pub code: Option<Cow<'static, str>>,
    /// Its arguments, redacted, as JSON.
    pub arguments: Option<String>,
}
