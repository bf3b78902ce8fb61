//! What a tool file needs.

pub use std::time::Duration;

pub use garde::Validate;
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use super::{
    Access, Check, Code, Ctx, Dep, Event, Face, Hints, Host, Route, ServerId, Stop, Tool,
    ToolError, ToolServer, ToolSet,
};
pub use crate::{
    base::{
        clock::Millis,
        ids::{AgentId, ProjectId, RepoName},
        paging,
    },
    project::Scope,
};
