//! A tool's contract, worked out once at boot.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Access, Dep, ServerId, Tool, ToolServer, schema};

/// Who may call a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// MCP and REST clients, and other servers that list it.
    Everywhere,
    /// Only other servers that list it.
    InProcess,
}

/// What clients are told of a tool's effects (MCP tool annotations).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// It may destroy or overwrite.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond the hub.
    pub open_world: bool,
    /// There is no way back for its caller: clients that can ask their user are made to ask.
    pub irreversible: bool,
}

impl Hints {
    /// What follows from `access` alone: cautious for everything that writes.
    pub const fn of(access: Access) -> Self {
        let reads = matches!(access, Access::Read);
        Self {
            destructive: !reads,
            idempotent: reads,
            open_world: false,
            irreversible: false,
        }
    }
}

/// A tool's contract.
#[derive(Debug)]
pub struct Spec {
    /// The tool's server.
    pub server: ServerId,
    /// Its name.
    pub name: &'static str,
    /// Its name for people, e.g. `Create issue`.
    pub title: String,
    /// Its description.
    pub about: &'static str,
    /// What it does to the world.
    pub access: Access,
    /// What clients are told of its effects.
    pub hints: Hints,
    /// Who may call it.
    pub face: Face,
    /// How long it may run.
    pub deadline: Duration,
    /// How long it may run as a task of its caller's, if it may.
    pub task: Option<Duration>,
    /// Its input schema.
    pub input: Arc<Map<String, Value>>,
    /// Its input schema for callers that need not name project and agent.
    pub input_pinned: Arc<Map<String, Value>>,
    /// Its input schema for callers that are no models, which says more.
    pub input_whole: Map<String, Value>,
    /// Its output schema.
    pub output: Arc<Map<String, Value>>,
    /// Arguments of which only the size is written down.
    pub content: &'static [&'static str],
    /// Whether its answer shows an image or a sound.
    pub media: bool,
    /// What its server may call.
    pub calls: &'static [Dep],
}

impl Spec {
    /// The contract of `T`.
    pub fn of<T: Tool>() -> Self {
        let pinned = schema::of_args::<T::Args>();
        let mut title = T::NAME.replace('_', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            server: T::Server::ID,
            name: T::NAME,
            title,
            about: T::ABOUT,
            access: T::ACCESS,
            hints: T::HINTS,
            face: T::FACE,
            deadline: T::DEADLINE,
            task: T::TASK,
            input: Arc::new(schema::with_scope(&pinned)),
            input_pinned: Arc::new(pinned),
            input_whole: schema::with_scope(&schema::of_args_whole::<T::Args>()),
            output: Arc::new(schema::of_output::<T::Output>()),
            content: T::CONTENT,
            media: T::MEDIA,
            calls: T::Server::CALLS,
        }
    }

    /// `<server>:<access>`, the scope a caller needs.
    pub fn scope(&self) -> String {
        format!("{}:{}", self.server, self.access.as_str())
    }
}
