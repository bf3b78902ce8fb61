//! Reading a resource: its URI says which tool to call with what.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Address, Body, Resource};
use crate::{
    access::{Access, Principal},
    base::ids::ProjectId,
    tool::{
        AGENT_ID, Caller, DynTool, PROJECT_ID, Reach, Registry, ToolError, change::Target, coerce,
    },
};

/// Most agents that a project's resources are listed for, one by one.
pub(super) const MOST_AGENTS: u32 = 200;
/// What stands for an agent where the caller may use none: it is refused like every other.
const NOBODY: &str = "nobody";

/// What a resource holds.
#[derive(Debug)]
pub struct Content {
    /// Its media type.
    pub mime: &'static str,
    /// Its body.
    pub text: String,
    /// What else the tool said.
    pub rest: Map<String, Value>,
    /// What a subscriber to it waits for.
    pub target: Target,
}

/// What a URI leads to.
pub(super) struct Found {
    tool: Arc<dyn DynTool>,
    args: Map<String, Value>,
    body: Body,
    own: bool,
}

impl Registry {
    /// Reads the resource at `uri`, through the pipeline.
    pub async fn read_resource(
        self: &Arc<Self>,
        caller: Caller,
        reach: &Reach,
        uri: &str,
    ) -> Result<Content, ToolError> {
        let no_such = || ToolError::not_found("resource", uri);
        let address = Address::parse(uri).ok_or_else(no_such)?;
        let Found {
            tool,
            mut args,
            body,
            own,
        } = self.addressed(&address, reach)?.ok_or_else(no_such)?;
        let agent = match address.get(AGENT_ID) {
            Some(agent) => agent.to_owned(),
            None => self.agent_for(&caller, &address.project, own).await?,
        };
        let target = Target::new(&address, &agent, own);
        args.insert(PROJECT_ID.to_owned(), address.project.clone().into());
        args.insert(AGENT_ID.to_owned(), agent.into());
        let answer = self.call_json(tool.as_ref(), caller, args).await?;
        Ok(content(answer, body, &address, target))
    }

    /// The tool that reads `address`, and its arguments.
    fn addressed(&self, address: &Address, reach: &Reach) -> Result<Option<Found>, ToolError> {
        for server in self.servers().filter(|s| reach.server(*s)) {
            if address.segments == ["config"]
                && let Some(tool) = self.config_reader(server)
            {
                return Ok(Some(Found {
                    tool: Arc::clone(tool),
                    args: Map::new(),
                    body: Body::Json,
                    own: false,
                }));
            }
            let found = self
                .offer(server)
                .resources
                .iter()
                .find_map(|r| Some((r, address.matches(r)?)));
            if let Some((resource, vars)) = found
                && let Some(tool) = self.find(server, resource.tool)
            {
                return Ok(Some(Found {
                    tool: Arc::clone(tool),
                    args: arguments(tool.as_ref(), resource, vars, address)?,
                    body: resource.body,
                    own: resource.own,
                }));
            }
        }
        Ok(None)
    }

    /// The agent that a call is made for when the URI names none: the caller's own, or one that it may speak for.
    async fn agent_for(
        &self,
        caller: &Caller,
        project: &str,
        own: bool,
    ) -> Result<String, ToolError> {
        if let Some(agent) = caller.pin.or_bound(&caller.principal).agent {
            return Ok(agent.to_string());
        }
        let mut agents = self.agents_of(&caller.principal, project).await?;
        if own && agents.len() > 1 {
            return Err(ToolError::invalid(
                format!("/{AGENT_ID}"),
                format!(
                    "each agent has its own: add ?{AGENT_ID}= with one of {}",
                    agents.join(", ")
                ),
            ));
        }
        Ok(if agents.is_empty() {
            NOBODY.to_owned()
        } else {
            agents.swap_remove(0)
        })
    }

    /// The agents of `project` that `principal` may speak for, by name.
    pub(super) async fn agents_of(
        &self,
        principal: &Principal,
        project: &str,
    ) -> Result<Vec<String>, ToolError> {
        let Ok(project) = ProjectId::new(project) else {
            return Ok(Vec::new());
        };
        if !principal.grant.projects.covers(&project) {
            return Ok(Vec::new());
        }
        let members = self
            .projects()
            .list_members(&project, None, MOST_AGENTS)
            .await?;
        Ok(members
            .into_iter()
            .map(|m| m.id)
            .filter(|id| {
                id.parse()
                    .is_ok_and(|id| principal.grant.agents.covers(&id))
            })
            .collect())
    }

    /// Whether `principal` sees `resource` at all.
    pub(super) fn shows(&self, principal: &Principal, reach: &Reach, resource: &Resource) -> bool {
        self.find_any(resource.tool)
            .is_some_and(|tool| reach.shows(tool.spec()) && self.is_visible(tool.spec(), principal))
    }
}

fn arguments(
    tool: &dyn DynTool,
    resource: &Resource,
    vars: Vec<(&'static str, String)>,
    address: &Address,
) -> Result<Map<String, Value>, ToolError> {
    debug_assert_eq!(tool.spec().access, Access::Read);
    let schema = Value::Object((*tool.spec().input).clone());
    let mut args = Map::new();
    let fixed = resource.with.iter().map(|(k, v)| (*k, (*v).to_owned()));
    for (key, text) in fixed.chain(vars) {
        coerce::put(&schema, &mut args, key, &text)?;
    }
    for (key, text) in address.query.iter().filter(|(key, _)| key != AGENT_ID) {
        if !resource.query.contains(&key.as_str()) {
            let known = match resource.query {
                [] => "this resource takes none".to_owned(),
                some => format!("it takes {}", some.join(", ")),
            };
            return Err(ToolError::invalid(
                format!("/{key}"),
                format!("is unknown in this URI; {known}"),
            ));
        }
        coerce::put(&schema, &mut args, key, text)?;
    }
    Ok(args)
}

fn content(mut answer: Value, body: Body, address: &Address, target: Target) -> Content {
    if let Body::Text(pointer) = body
        && let Some(Value::String(text)) = answer.pointer_mut(pointer).map(Value::take)
    {
        let mut rest = match answer {
            Value::Object(rest) => rest,
            _ => Map::new(),
        };
        rest.retain(|_, value| !value.is_null());
        let name = address.segments.last().map_or("", String::as_str);
        return Content {
            mime: media_type(name),
            text,
            rest,
            target,
        };
    }
    Content {
        mime: "application/json",
        text: answer.to_string(),
        rest: Map::new(),
        target,
    }
}

/// What clients show in a way of its own; the rest is plain text to them.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "yml" | "yaml" => "application/yaml",
        "toml" => "application/toml",
        "csv" => "text/csv",
        "xml" => "application/xml",
        _ => "text/plain",
    }
}
