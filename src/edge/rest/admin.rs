//! Administration: projects, agents, members, the audit log; tokens are beside. For principals with the scope `hub:admin`, and
//! audited like tool calls, as the server `hub`.

use std::{future::Future, sync::Arc, time::Instant};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    Id, Problem,
    body::{Sent, body},
    grants, json_list, tokens,
};
use crate::{
    access::{Access, Principal},
    audit::{Entry, Origin, Outcome},
    base::{
        ids::{AgentId, BadName, ProjectId, new_id},
        paging,
    },
    edge::Hub,
    project::Scope,
    tool::{Code, ToolError},
};

/// All administrative routes.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/projects", get(list_projects).post(create_project))
        .route("/api/v1/agents", get(list_agents).post(create_agent))
        .route("/api/v1/projects/{project_id}/members", get(list_members))
        .route(
            "/api/v1/projects/{project_id}/members/{agent_id}",
            put(add_member).delete(remove_member),
        )
        .with_state(hub.clone())
        .merge(tokens::router(hub))
        .merge(grants::router(hub))
        .layer(DefaultBodyLimit::max(hub.http.max_body_bytes))
}

/// A new project or agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNamed {
    /// The name used in calls: 1 to 64 characters of a-z, 0-9, `.`, `_`, `-`.
    #[schemars(with = "ProjectId")]
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
}

/// A page of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    /// How many, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Page {
    pub fn limit(&self) -> Result<u32, ToolError> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            _ => Err(ToolError::invalid("/limit", "must be 1 to 200")),
        }
    }

    pub(super) fn after(&self, list: &str) -> Result<Option<String>, ToolError> {
        Ok(self
            .cursor
            .as_deref()
            .map(|c| paging::decode(&list, c))
            .transpose()?)
    }
}

pub type Who = Extension<Arc<Principal>>;
pub(super) type Params<T> = Result<Query<T>, QueryRejection>;

/// Lets administrators in, runs `work`, and writes both into the audit log.
pub async fn administer<R>(
    hub: &Hub,
    who: &Principal,
    id: &Id,
    action: &'static str,
    access: Access,
    work: impl Future<Output = Result<R, ToolError>>,
) -> Result<R, Problem> {
    let what = Recorded {
        action,
        access,
        project: "",
    };
    administer_in(hub, who, id, what, Box::pin(work)).await
}

/// The same, of one project perhaps.
pub(super) async fn administer_in<R>(
    hub: &Hub,
    who: &Principal,
    id: &Id,
    what: Recorded<'_>,
    work: impl Future<Output = Result<R, ToolError>>,
) -> Result<R, Problem> {
    let refused = (!who.grant.scopes.hub_admin()).then(|| {
        let message = "administration needs the scope \"hub:admin\"";
        ToolError::forbidden(message).details(json!({"scope": "hub:admin"}))
    });
    on_record(hub, who, id, what, refused, Box::pin(work)).await
}

/// What the audit log says of a request that calls no tool.
pub(super) struct Recorded<'p> {
    pub action: &'static str,
    pub access: Access,
    /// The project that it names, or nothing.
    pub project: &'p str,
}

/// Runs `work` unless it is `refused`, and writes either into the audit log.
pub(super) async fn on_record<R>(
    hub: &Hub,
    who: &Principal,
    id: &Id,
    what: Recorded<'_>,
    refused: Option<ToolError>,
    work: impl Future<Output = Result<R, ToolError>>,
) -> Result<R, Problem> {
    let started = Instant::now();
    let request = id.as_ref().map(|Extension(id)| Arc::clone(&id.0));
    let mut entry = Entry {
        id: new_id("call").into(),
        started_ms: hub.registry.now(),
        duration_us: None,
        principal: Arc::clone(&who.id),
        project: what.project.into(),
        agent: "".into(),
        server: "hub".into(),
        tool: what.action.into(),
        access: what.access,
        origin: Origin::Rest,
        parent: None,
        request: request.clone(),
        outcome: Outcome::Started,
        code: None,
        arguments: None,
    };
    let allowed = refused.is_none();
    let done = if let Err(exceeded) = who.quota.administer() {
        Err(exceeded.into())
    } else if let Some(error) = refused {
        Err(error)
    } else {
        if what.access > Access::Read {
            hub.audit
                .write_now(entry.clone())
                .map_err(|e| Problem::new(e.into(), request.as_ref()))?;
        }
        work.await
    };
    entry.duration_us = i64::try_from(started.elapsed().as_micros()).ok();
    entry.code = done.as_ref().err().map(|e| e.code.as_str().into());
    entry.outcome = match (&done, allowed) {
        (Ok(_), _) => Outcome::Ok,
        (Err(_), true) => Outcome::Error,
        (Err(_), false) => Outcome::Refused,
    };
    hub.audit.write(entry);
    done.map_err(|error| Problem::new(error, request.as_ref()))
}

pub(super) fn params<T: DeserializeOwned>(query: Params<T>) -> Result<T, ToolError> {
    query
        .map(|Query(value)| value)
        .map_err(|e| ToolError::invalid("", e.body_text()))
}

pub(super) fn name<T>(parsed: Result<T, BadName>, field: &str) -> Result<T, ToolError> {
    parsed.map_err(|e| ToolError::invalid(format!("/{field}"), e.to_string()))
}

fn scope(project: &str, agent: &str) -> Result<Scope, ToolError> {
    Ok(Scope {
        project: name(ProjectId::new(project), "project_id")?,
        agent: name(AgentId::new(agent), "agent_id")?,
    })
}

pub(super) fn created(value: impl Serialize) -> Response {
    (StatusCode::CREATED, Json(value)).into_response()
}

/// The page of `items`, with a cursor after its last one if it is full.
pub(super) fn paged<T: Serialize>(
    list: &str,
    items: &[T],
    limit: u32,
    key: impl Fn(&T) -> &str,
) -> Response {
    let full = items.len() >= limit as usize;
    let next = items
        .last()
        .filter(|_| full)
        .map(|last| paging::encode(&list, &key(last)));
    json_list(items, next)
}

async fn list_projects(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    query: Params<Page>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "list_projects", Access::Read, async {
        let page = params(query)?;
        let (limit, after) = (page.limit()?, page.after("projects")?);
        let items = hub.projects.list_projects(after.as_deref(), limit).await?;
        Ok(paged("projects", &items, limit, |p| &p.id))
    })
    .await
}

async fn list_agents(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    query: Params<Page>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "list_agents", Access::Read, async {
        let page = params(query)?;
        let (limit, after) = (page.limit()?, page.after("agents")?);
        let items = hub.projects.list_agents(after.as_deref(), limit).await?;
        Ok(paged("agents", &items, limit, |a| &a.id))
    })
    .await
}

async fn list_members(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(project): Path<String>,
    query: Params<Page>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "list_members", Access::Read, async {
        let project = name(ProjectId::new(project), "project_id")?;
        let page = params(query)?;
        let (limit, after) = (page.limit()?, page.after("members")?);
        let items = hub
            .projects
            .list_members(&project, after.as_deref(), limit)
            .await?;
        Ok(paged("members", &items, limit, |m| &m.id))
    })
    .await
}

async fn create_project(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    wanted: Sent,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "create_project", Access::Admin, async {
        let wanted: NewNamed = body(wanted)?;
        let project = name(ProjectId::new(&wanted.id), "id")?;
        if !hub.projects.create_project(&project, &wanted.name).await? {
            return Err(ToolError::conflict(format!(
                "project {project} exists: choose another id"
            )));
        }
        Ok(created(json!({"id": project, "name": wanted.name})))
    })
    .await
}

async fn create_agent(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    wanted: Sent,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "create_agent", Access::Admin, async {
        let wanted: NewNamed = body(wanted)?;
        let agent = name(AgentId::new(&wanted.id), "id")?;
        if !hub.projects.create_agent(&agent, &wanted.name).await? {
            return Err(ToolError::conflict(format!(
                "agent {agent} exists: choose another id"
            )));
        }
        Ok(created(json!({"id": agent, "name": wanted.name})))
    })
    .await
}

async fn add_member(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, agent)): Path<(String, String)>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "add_member", Access::Admin, async {
        let scope = scope(&project, &agent)?;
        if !hub.projects.add_member(&scope).await? {
            return Err(ToolError::new(
                Code::NotFound,
                "no such project or agent: create both first",
            ));
        }
        Ok(Json(json!({"project_id": scope.project, "agent_id": scope.agent})).into_response())
    })
    .await
}

async fn remove_member(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, agent)): Path<(String, String)>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "remove_member", Access::Admin, async {
        let scope = scope(&project, &agent)?;
        if !hub.projects.remove_member(&scope).await? {
            return Err(ToolError::new(
                Code::NotFound,
                "the agent is no member of the project",
            ));
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
