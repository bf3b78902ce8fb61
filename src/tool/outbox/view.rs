//! How an event is shown.

use schemars::JsonSchema;
use serde::Serialize;

use super::Kept;
use crate::base::clock::Millis;

/// A change in a project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventView {
    /// Its place in the order of all events: send it as `Last-Event-ID`, or as `after`, to go on behind it.
    pub id: i64,
    /// When it was told, in milliseconds since the Unix epoch.
    pub at_ms: Millis,
    /// The server whose resource changed.
    pub server: String,
    /// The tool that changed it, or `run` for a workflow run that moved on.
    pub action: String,
    /// Who called the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The resource that changed: what its URI has behind `project://<project_id>/`, decoded.
    pub path: String,
    /// True when all that lies below it may have changed too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub below: bool,
    /// Whose workspace it lies in, where each agent has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The call that changed it, as in the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
}

impl From<Kept> for EventView {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.seq,
            at_ms: kept.at_ms,
            server: kept.server,
            action: kept.action,
            agent_id: kept.agent_id,
            path: kept.path,
            below: kept.below != 0,
            owner_id: kept.owner_id,
            call_id: kept.call_id,
        }
    }
}
