//! Calling tools: the uniform path, and the servers' friendly routes.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, RawPathParams, Request, State},
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on, post},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Problem, binding,
    call::{Incoming, call},
    request_id,
};
use crate::{
    access::{Principal, ServerId},
    edge::Hub,
    tool::{Code, DynTool, Method, Route, ToolError},
};

/// The uniform path, the list of tools, and every friendly route.
pub fn router(hub: &Hub) -> Router {
    let uniform = Router::new()
        .route("/api/v1/servers", get(servers))
        .route("/api/v1/servers/{server}/tools", get(list))
        .route("/api/v1/servers/{server}/tools/{tool}", post(uniform))
        .with_state(hub.clone());
    hub.registry.servers().fold(uniform, |router, server| {
        hub.registry
            .routes(server)
            .iter()
            .fold(router, |router, route| {
                let Some(tool) = hub.registry.find(server, route.tool).cloned() else {
                    return router;
                };
                router.merge(friendly(hub, *route, tool))
            })
    })
}

fn friendly(hub: &Hub, route: Route, tool: Arc<dyn DynTool>) -> Router {
    let handler = move |State(hub): State<Hub>, path: RawPathParams, request: Request| async move {
        let id = request_id(&request);
        let incoming = match Incoming::read(&hub, route.method.has_body(), request).await {
            Ok(incoming) => incoming,
            Err(error) => return Problem::new(error, id.as_ref()).into(),
        };
        match binding::arguments(
            tool.spec(),
            route.method,
            &path,
            incoming.query(),
            &incoming.body,
        ) {
            Ok(args) => call(&hub, tool, incoming, args).await,
            Err(error) => Problem::new(error, id.as_ref()).into(),
        }
    };
    Router::new()
        .route(route.path, on(filter(route.method), handler))
        .with_state(hub.clone())
}

/// axum's name of a method.
pub fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

async fn uniform(
    State(hub): State<Hub>,
    Path((server, tool)): Path<(String, String)>,
    request: Request,
) -> Response {
    let id = request_id(&request);
    let found = ServerId::parse(&server)
        .and_then(|server| hub.registry.find(server, &tool))
        .cloned();
    let Some(found) = found else {
        let (server, tool): (String, String) = (
            server.chars().take(64).collect(),
            tool.chars().take(64).collect(),
        );
        let message = format!(
            "no tool {tool:?} on a server {server:?}: GET /api/v1/servers lists what is enabled"
        );
        return Problem::new(ToolError::new(Code::UnknownTool, message), id.as_ref()).into();
    };
    let read = async {
        let incoming = Incoming::read(&hub, true, request).await?;
        let args = binding::object(&incoming.body)?;
        Ok((incoming, args))
    };
    match read.await {
        Ok((incoming, args)) => call(&hub, found, incoming, args).await,
        Err(error) => Problem::new(error, id.as_ref()).into(),
    }
}

async fn servers(
    State(hub): State<Hub>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Json<Value> {
    let items: Vec<Value> = hub
        .registry
        .servers()
        .map(|server| {
            json!({
                "id": server,
                "mcp_name": server.mcp_name(),
                "about": server.about(),
                "tools": hub.registry.visible(server, &principal).count(),
            })
        })
        .collect();
    Json(json!({"items": items}))
}

async fn list(
    State(hub): State<Hub>,
    Path(server): Path<String>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Response {
    let Some(server) =
        ServerId::parse(&server).filter(|id| hub.registry.servers().any(|s| s == *id))
    else {
        let message = "no such server: GET /api/v1/servers lists what is enabled";
        return Problem::new(ToolError::new(Code::UnknownTool, message), None)
            .status(StatusCode::NOT_FOUND)
            .into();
    };
    let items: Vec<Value> = hub
        .registry
        .visible(server, &principal)
        .map(|tool| {
            let spec = tool.spec();
            json!({
                "name": spec.name,
                "title": spec.title,
                "description": spec.about,
                "scope": spec.scope(),
                "input_schema": *spec.input,
                "output_schema": *spec.output,
            })
        })
        .collect();
    Json(json!({"items": items})).into_response()
}
