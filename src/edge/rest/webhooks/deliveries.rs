//! The log of a webhook's deliveries, and sending again.

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{
        Id, Problem,
        admin::{Page, Params, Who, administer_in, paged, params},
    },
    id_of, on,
};
use crate::{access::Access, edge::Hub, tool::DeliveryState};

/// What is below `one` webhook's path.
pub fn router(hub: &Hub, one: &str) -> Router {
    Router::new()
        .route(&format!("{one}/ping"), post(ping_webhook))
        .route(&format!("{one}/deliveries"), get(list_deliveries))
        .route(
            &format!("{one}/deliveries/{{delivery_id}}/redeliver"),
            post(redeliver),
        )
        .with_state(hub.clone())
}

/// A page of deliveries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryPage {
    /// Those that stand so.
    pub state: Option<DeliveryState>,
    /// How many, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

async fn ping_webhook(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let what = on(&project, "ping_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        let sent = hub.webhooks.ping(&id_of(&project)?, &webhook).await?;
        Ok((StatusCode::ACCEPTED, Json(sent)).into_response())
    })
    .await
}

async fn list_deliveries(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook)): Path<(String, String)>,
    query: Params<DeliveryPage>,
) -> Result<Response, Problem> {
    let what = on(&project, "list_webhook_deliveries", Access::Read);
    administer_in(&hub, &who, &id, what, async {
        let (project, wanted) = (id_of(&project)?, params(query)?);
        let state = wanted.state;
        let page = Page {
            limit: wanted.limit,
            cursor: wanted.cursor,
        };
        let kind = state.map_or("all", DeliveryState::as_str);
        let list = format!("deliveries {webhook} {kind}");
        let (limit, before) = (page.limit()?, page.after(&list)?);
        let all = &hub.webhooks;
        let items = all.deliveries(&project, &webhook, state, before.as_deref(), limit);
        Ok(paged(&list, &items.await?, limit, |d| &d.id))
    })
    .await
}

async fn redeliver(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path((project, webhook, delivery)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let what = on(&project, "redeliver_webhook", Access::Admin);
    administer_in(&hub, &who, &id, what, async {
        let project = id_of(&project)?;
        let sent = hub
            .webhooks
            .redeliver(&project, &webhook, &delivery)
            .await?;
        Ok((StatusCode::ACCEPTED, Json(sent)).into_response())
    })
    .await
}
