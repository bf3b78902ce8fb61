//! `/livez`, `/readyz` and `/metrics`.

use axum::{
    Extension, Json, Router,
    extract::State,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use metrics::gauge;
use serde_json::json;
use std::sync::Arc;

use super::{Hub, gate, rest::Problem};
use crate::{
    access::{Principal, ServerId},
    observe,
    tool::ToolError,
};

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
    sample(&hub);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        hub.metrics.render(),
    )
        .into_response()
}

/// Measures what is not counted as it changes.
fn sample(hub: &Hub) {
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    gauge!("syndarix_tasks").set(tasks as f64);
    for server in ServerId::ALL {
        let running = hub.registry.running().on(server);
        gauge!("syndarix_calls_running", "server" => server.as_str()).set(running as f64);
    }
    if let Some(waiting) = hub.db.waiting() {
        gauge!("syndarix_db_writes_waiting").set(waiting as f64);
    }
    let (used, open) = hub.db.connections();
    gauge!("syndarix_db_connections", "state" => "used").set(used as f64);
    gauge!("syndarix_db_connections", "state" => "open").set(open as f64);
    observe::sample();
}
