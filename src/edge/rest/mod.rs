//! REST: every tool at `POST /api/v1/servers/{server}/tools/{tool}`, the servers' friendly routes, administration.

mod admin;
mod audit;
mod backups;
mod binding;
mod body;
mod call;
mod events;
mod grants;
mod once;
mod openapi;
mod problem;
mod stream;
mod tokens;
mod tools;
mod webhooks;

use axum::{
    Extension, Json, Router, extract::Request, middleware, response::Response, routing::get,
};
use serde_json::{Value, json};

pub use binding::query_pairs;
pub use body::collect;
pub use problem::{Lacking, Problem, no_such_path, panicked, wrong_method};
pub use tools::filter;

use super::{Hub, gate::RequestId};

/// All of REST, for authenticated callers.
pub fn router(hub: &Hub) -> Router {
    let document = openapi::document(&hub.registry);
    let administration = admin::router(hub)
        .merge(audit::router(hub))
        .merge(backups::router(hub))
        .merge(webhooks::router(hub))
        .route_layer(middleware::from_fn_with_state(
            hub.clone(),
            once::administration,
        ));
    Router::new()
        .merge(tools::router(hub))
        .merge(administration)
        .merge(events::router(hub))
        .route("/openapi.json", get(|| async move { Json(document) }))
}

/// The OpenAPI document of `registry`, for the command line and the contract test.
pub fn openapi(registry: &crate::tool::Registry) -> Value {
    openapi::document(registry)
}

/// What a handler knows of its request.
type Id = Option<Extension<RequestId>>;

fn json_list<T: serde::Serialize>(items: &[T], next: Option<String>) -> Response {
    let mut body = json!({"items": items});
    if let (Some(next), Some(map)) = (next, body.as_object_mut()) {
        map.insert("next_cursor".into(), next.into());
    }
    axum::response::IntoResponse::into_response(Json(body))
}

fn request_id(request: &Request) -> Option<std::sync::Arc<str>> {
    request
        .extensions()
        .get::<RequestId>()
        .map(|id| std::sync::Arc::clone(&id.0))
}
