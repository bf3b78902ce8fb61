//! Administration of webhooks.

mod deliveries;

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde_json::Value;

use super::{
    Id, Problem,
    admin::{Page, Params, Recorded, Who, administer_in, created, name, paged, params},
    body::{Sent, body, optional},
};
use crate::{
    access::Access,
    base::ids::ProjectId,
    edge::Hub,
    tool::{NewWebhook, SecretRotation, ToolError, Webhook, WebhookChange, WebhookSecret},
};

pub use deliveries::DeliveryPage;

/// `/api/v1/projects/{project_id}/webhooks`.
pub fn router(hub: &Hub) -> Router {
    let all = "/api/v1/projects/{project_id}/webhooks";
    let one = format!("{all}/{{webhook_id}}");
    Router::new()
        .route(all, get(list_webhooks).post(create_webhook))
        .route(
            &one,
            get(get_webhook)
                .patch(update_webhook)
                .delete(delete_webhook),
        )
        .route(&format!("{one}/rotate"), post(rotate_webhook))
        .with_state(hub.clone())
        .merge(deliveries::router(hub, &one))
}

/// What the audit log says of `action`.
fn on<'p>(project: &'p str, action: &'static str, access: Access) -> Recorded<'p> {
    Recorded {
        action,
        access,
        project,
    }
}

fn id_of(project: &str) -> Result<ProjectId, ToolError> {
    name(ProjectId::new(project), "project_id")
}

async fn list_webhooks(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(project): Path<String>,
    query: Params<Page>,
) -> Result<Response, Problem> {
    let what = on(&project, "list_webhooks", Access::Read);
    administer_in(&hub, &who, &id, what, async {
        let (project, page) = (id_of(&project)?, params(query)?);
        let list = format!("webhooks {project}");
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let items = hub.webhooks.list(&project, after.as_deref(), limit).await?;
        Ok(paged(&list, &items, limit, |w| &w.id))
    })
    .await
}

async fn create_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(project): Path<String>,
    wanted: Sent,
) -> Result<Response, Problem> {
    let what = on(&project, "create_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        let (project, wanted) = (id_of(&project)?, body::<NewWebhook>(wanted)?);
        if hub.projects.project(&project).await?.is_none() {
            return Err(ToolError::not_found("project", project).hint("create it first"));
        }
        let (webhook, secret) = hub.webhooks.create(&project, wanted).await?;
        Ok(created(shown(webhook, &secret)?))
    })
    .await
}

async fn get_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let what = on(&project, "get_webhook", Access::Read);
    administer_in(&hub, &who, &id, what, async {
        let found = hub.webhooks.get(&id_of(&project)?, &webhook).await?;
        Ok(Json(found).into_response())
    })
    .await
}

async fn update_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
    change: Sent,
) -> Result<Response, Problem> {
    let what = on(&project, "update_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        let (project, change) = (id_of(&project)?, body::<WebhookChange>(change)?);
        let changed = hub.webhooks.update(&project, &webhook, change).await?;
        Ok(Json(changed).into_response())
    })
    .await
}

async fn delete_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let what = on(&project, "delete_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        hub.webhooks.delete(&id_of(&project)?, &webhook).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

async fn rotate_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let what = on(&project, "rotate_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        let wanted: SecretRotation = optional(request, hub.http.max_body_bytes).await?;
        let project = id_of(&project)?;
        let (webhook, secret) = hub.webhooks.rotate(&project, &webhook, &wanted).await?;
        Ok(Json(shown(webhook, &secret)?).into_response())
    })
    .await
}

/// A webhook with its secret, this one time.
fn shown(webhook: Webhook, secret: &WebhookSecret) -> Result<Value, ToolError> {
    let mut shown = serde_json::to_value(webhook).map_err(ToolError::internal)?;
    if let Some(map) = shown.as_object_mut() {
        map.insert("secret".into(), secret.reveal().into());
    }
    Ok(shown)
}
