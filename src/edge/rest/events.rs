//! `GET /api/v1/projects/{project_id}/events`: what changed in a project, as pages of JSON, or with `Accept: text/event-stream`
//! as it happens (server-sent events; `Last-Event-ID` goes on where a stream ended).

mod stream;

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{OriginalUri, Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Serialize;

use self::stream::{Follower, Streams};
use super::{
    Id, Problem,
    admin::{Recorded, Who, on_record},
};
use crate::{
    access::{Access, Allow, Principal, ServerId},
    base::ids::{AgentId, ProjectId},
    edge::Hub,
    project::Scope,
    tool::{EventFilter, EventView, KeptEvent, ToolError, no_such_scope},
};

/// The route.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/projects/{project_id}/events", get(follow))
        .layer(Extension(Streams::default()))
        .with_state(hub.clone())
}

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub items: Vec<EventView>,
    /// Pass as `after` for what comes next: now, or when something has happened.
    pub next_after: i64,
    /// True when events after the place that was asked for are deleted: look at what you follow as a whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missed: bool,
}

async fn follow(
    State(hub): State<Hub>,
    Extension(streams): Extension<Streams>,
    who: Who,
    id: Id,
    Path(project): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let streamed = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    let refused = match may_follow(&hub, &who, &project).await {
        Ok(true) => None,
        Ok(false) => Some(no_such_scope()),
        Err(error) => Some(error),
    };
    let what = Recorded {
        action: if streamed {
            "follow_events"
        } else {
            "list_events"
        },
        access: Access::Read,
        project: &project,
    };
    on_record(&hub, &who, &id, what, refused, async {
        let name = ProjectId::new(&project).map_err(|_| no_such_scope())?;
        let (filter, mut part) = asked(uri.query().unwrap_or_default())?;
        if let Some(last) = headers.get("last-event-id") {
            let last = last.to_str().ok().and_then(|text| text.parse().ok());
            let wrong =
                || ToolError::invalid("/Last-Event-ID", "must be the id of an event of this hub");
            part.after = Some(last.ok_or_else(wrong)?);
        }
        let limit = part.limit.unwrap_or(50);
        let newest = *hub.outbox.newest().borrow();
        let horizon = hub.outbox.horizon().await?;
        // After an id that is not given yet nothing would come: it is of a database that was set back.
        let missed = part
            .after
            .is_some_and(|after| after < horizon || after > newest);
        if !streamed {
            let after = part.after.unwrap_or(horizon).clamp(horizon, newest);
            let kept = hub.outbox.since(&name, &filter, after, limit).await?;
            let next_after = match kept.last() {
                Some(last) if kept.len() >= limit as usize => last.seq,
                last => last.map_or(newest, |last| last.seq.max(newest)),
            };
            let seen = kept.into_iter().filter(|event| may_see(&who, event));
            let items = seen.map(EventView::from).collect();
            return Ok(Json(EventPage {
                items,
                next_after,
                missed,
            })
            .into_response());
        }
        let follower = Follower {
            newest: hub.outbox.newest(),
            project: name,
            filter,
            place: if missed {
                newest
            } else {
                part.after.unwrap_or(newest)
            },
            ready: VecDeque::new(),
            _open: streams.open(&who)?,
            who: Arc::clone(&who),
            hub: hub.clone(),
        };
        Ok(stream::respond(follower, missed))
    })
    .await
}

/// Which part of the events.
#[derive(Debug, JsonSchema)]
pub struct Part {
    /// Only events behind this one: its id, or `next_after` of the page before. Streams begin with what happens from now on if
    /// left out, pages with the oldest event.
    #[schemars(range(min = 0))]
    pub after: Option<i64>,
    /// How many a page has; 50 if left out.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// Takes a query apart.
fn asked(query: &str) -> Result<(EventFilter, Part), ToolError> {
    let mut filter = serde_json::Map::new();
    let mut part = Part {
        after: None,
        limit: None,
    };
    for (key, value) in super::query_pairs(query) {
        match key.as_str() {
            "after" => {
                let place = value.parse().ok().filter(|place| *place >= 0);
                let wrong = || ToolError::invalid("/after", "must be the id of an event, or 0");
                part.after = Some(place.ok_or_else(wrong)?);
            }
            "limit" => {
                let count = value.parse().ok().filter(|count| (1..=200).contains(count));
                let wrong = || ToolError::invalid("/limit", "must be 1 to 200");
                part.limit = Some(count.ok_or_else(wrong)?);
            }
            _ => {
                filter.insert(key, value.into());
            }
        }
    }
    let filter = serde_json::from_value(filter.into());
    let filter = filter.map_err(|e| ToolError::invalid("", e.to_string()))?;
    Ok((filter, part))
}

/// Whether `who` may work in `project` for anybody.
async fn may_follow(hub: &Hub, who: &Principal, project: &str) -> Result<bool, ToolError> {
    let Ok(project) = ProjectId::new(project) else {
        return Ok(false);
    };
    if !who.grant.projects.covers(&project) || !hub.authority.is_live(who).await? {
        return Ok(false);
    }
    let agents = match &who.grant.agents {
        Allow::All => return Ok(hub.projects.project(&project).await?.is_some()),
        Allow::Only(agents) => agents.clone(),
    };
    for agent in agents {
        let project = project.clone();
        if hub.projects.is_member(&Scope { project, agent }).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `who` could read what changed.
fn may_see(who: &Principal, event: &KeptEvent) -> bool {
    let server = ServerId::named(&event.server);
    let owner = event.owner_id.as_deref().map(AgentId::new);
    server.is_some_and(|server| who.grant.scopes.allow(server, Access::Read))
        && owner.is_none_or(|owner| owner.is_ok_and(|owner| who.grant.agents.covers(&owner)))
}
