//! What an issue is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words;

words! {
    /// Where an issue stands.
    State {
        /// Nobody works on it.
        Open = "open",
        /// Somebody works on it, usually under a claim.
        InProgress = "in_progress",
        /// It is finished.
        Done = "done",
        /// It will not be done.
        Cancelled = "cancelled",
    }
}

words! {
    /// What sort of work an issue is.
    Kind {
        /// Work without a better name.
        Task = "task",
        /// Something is broken.
        Bug = "bug",
        /// Something new.
        Feature = "feature",
        /// Upkeep that users do not see.
        Chore = "chore",
        /// A body of work that other issues belong to.
        Epic = "epic",
    }
}

words! {
    /// The order of a list.
    Sort {
        /// Changed last comes first.
        Updated = "updated",
        /// Made last comes first.
        Created = "created",
        /// Most urgent comes first, then the oldest.
        Priority = "priority",
    }
}

impl State {
    /// Whether nothing is left to do.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

/// Priority of an issue that names none.
pub const DEFAULT_PRIORITY: u8 = 2;

/// An issue as its changes leave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fields {
    /// What it is about, in a line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// 0 is most urgent, 4 least.
    pub priority: u8,
    /// Where it stands.
    pub state: State,
    /// Its labels, sorted.
    pub labels: Vec<String>,
    /// Agents it is assigned to, sorted.
    pub assignees: Vec<String>,
}

/// What to change of an issue; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// A new title.
    pub title: Option<String>,
    /// A new body.
    pub body: Option<String>,
    /// A new type.
    pub kind: Option<Kind>,
    /// A new priority.
    pub priority: Option<u8>,
    /// A new state.
    pub state: Option<State>,
    /// Labels to add.
    pub add_labels: Vec<String>,
    /// Labels to take off.
    pub remove_labels: Vec<String>,
    /// Agents to assign.
    pub add_assignees: Vec<String>,
    /// Agents to take off.
    pub remove_assignees: Vec<String>,
}

/// Which issues to list.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    /// In one of these states; empty for any.
    pub states: Vec<State>,
    /// With all of these labels.
    pub labels: Vec<String>,
    /// Assigned to this agent.
    pub assignee: Option<String>,
    /// Of this type.
    pub kind: Option<Kind>,
    /// Of this priority.
    pub priority: Option<u8>,
    /// With this text in title or body, in any case.
    pub text: Option<String>,
}

/// A key that makes a repeated call answer again instead of doing its work again.
#[derive(Debug, Clone)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// Hash of what the caller sent beside the key.
    pub body_hash: String,
}

/// A claim as its claimant gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The number.
    pub number: i64,
    /// The version after the claim.
    pub version: i64,
    /// The fields after the claim.
    pub fields: Fields,
    /// Proof of the claim; only its hash is stored.
    pub token: String,
    /// Grows with every claim of this issue.
    pub epoch: i64,
    /// When it ends unless it is renewed, in milliseconds since the Unix epoch.
    pub expires_ms: i64,
}
