//! What a tool file needs.

pub use std::time::Duration;

pub use garde::Validate;
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use super::{
    Access, Check, Code, Completion, Ctx, Dep, Event, Face, Hints, Host, Level, Prompt,
    PromptArgument, Resource, Route, ServerId, Stop, Tool, ToolError, ToolServer, ToolSet,
};
pub use crate::{
    base::{
        clock::Millis,
        ids::{AgentId, ProjectId, RepoName},
        paging,
    },
    project::Scope,
};
