//! `/livez`, `/readyz` and `/metrics`.

use axum::{
    Extension, Json, Router,
    extract::State,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde_json::json;
use std::sync::Arc;

use super::{Hub, gate, rest::Problem};
use crate::{access::Principal, tool::ToolError};

/// The probes, open to all: they tell nothing but yes or no.
pub fn probes(hub: &Hub) -> Router {
    Router::new()
        .route("/livez", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/readyz", get(ready))
        .with_state(hub.clone())
}

/// The probes, and metrics for administrators.
pub fn router(hub: &Hub) -> Router {
    let metrics = Router::new()
        .route("/metrics", get(metrics))
        .with_state(hub.clone())
        .layer(middleware::from_fn_with_state(
            gate::Gate {
                hub: Arc::new(hub.clone()),
                own: None,
            },
            gate::authenticate,
        ));
    probes(hub).merge(metrics)
}

async fn ready(State(hub): State<Hub>) -> Response {
    match hub.db.ping().await {
        Ok(()) => Json(json!({"status": "ok"})).into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({"status": "database unavailable"})),
            )
                .into_response()
        }
    }
}

async fn metrics(
    State(hub): State<Hub>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Response {
    if !principal.grant.scopes.hub_admin() {
        return Problem::new(
            ToolError::forbidden("metrics need the scope \"hub:admin\""),
            None,
        )
        .into();
    }
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    metrics::gauge!("syndarix_tasks").set(tasks as f64);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        hub.metrics.render(),
    )
        .into_response()
}
