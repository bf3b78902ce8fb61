//! `project://{project_id}/config`: what a client should know of a project before it works on it. It runs through the
//! pipeline like a tool, on whichever server it is asked of.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Access, Ctx, DynTool, Face, Hints, ServerId, Spec, ToolError, offer::MOST_LISTED, schema,
};
use crate::base::{
    clock::{Millis, rfc3339},
    ids::AgentId,
};

/// Reads a project's settings.
pub struct ProjectConfig(Arc<Spec>);

#[derive(Serialize, JsonSchema)]
struct Output {
    /// The project's id.
    project_id: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// When it was made (RFC 3339, UTC).
    created_at: String,
    /// The agent that this was read for.
    agent_id: AgentId,
    /// Agents that are members of the project, the first 20 by name.
    agents: Vec<String>,
    /// What the token may do.
    scopes: Vec<String>,
    /// The servers that work on the project, as this token sees them.
    servers: Vec<Server>,
}

#[derive(Serialize, JsonSchema)]
struct Server {
    /// Its id, as in `/issues/mcp`.
    id: ServerId,
    /// What it is for.
    about: &'static str,
    /// The tools that this token may call.
    tools: Vec<&'static str>,
}

impl ProjectConfig {
    /// For clients of `server`.
    pub fn new(server: ServerId) -> Self {
        Self(Arc::new(Spec {
            server,
            name: "read_project_config",
            title: "Read project config".to_owned(),
            about: super::offer::CONFIG.about,
            access: Access::Read,
            hints: Hints::of(Access::Read),
            face: Face::InProcess,
            task: None,
            deadline: std::time::Duration::from_secs(10),
            input: Arc::default(),
            input_pinned: Arc::default(),
            input_whole: Map::new(),
            output: Arc::new(schema::of_output::<Output>()),
            content: &[],
            media: false,
            calls: &[],
        }))
    }
}

impl DynTool for ProjectConfig {
    fn spec(&self) -> &Arc<Spec> {
        &self.0
    }

    fn run_json<'a>(
        &'a self,
        ctx: &'a Ctx,
        _args: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let out = read(ctx).await?;
            serde_json::to_value(out).map_err(ToolError::internal)
        })
    }
}

async fn read(ctx: &Ctx) -> Result<Output, ToolError> {
    let registry = &ctx.inner().registry;
    let projects = registry.projects();
    let found = projects.project(ctx.project()).await?;
    let (name, created_ms): (String, Millis) =
        found.map(|p| (p.name, p.created_ms)).unwrap_or_default();
    let members = projects
        .list_members(ctx.project(), None, MOST_LISTED as u32)
        .await?;
    let principal = ctx.principal();
    let servers = registry.servers().filter_map(|id| {
        let tools: Vec<_> = registry
            .visible(id, principal)
            .map(|tool| tool.spec().name)
            .collect();
        (!tools.is_empty()).then(|| Server {
            id,
            about: id.about(),
            tools,
        })
    });
    Ok(Output {
        project_id: ctx.project().as_str().to_owned(),
        name,
        created_at: rfc3339(created_ms),
        agent_id: ctx.agent().clone(),
        agents: members.into_iter().map(|m| m.id).collect(),
        scopes: principal.grant.scopes.names(),
        servers: servers.collect(),
    })
}
