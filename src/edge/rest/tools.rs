//! Calling tools: the uniform path, and the servers' friendly routes.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, RawPathParams, Request, State},
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on, post},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Problem, binding, body, request_id, stream};
use crate::{
    access::{Principal, ServerId},
    audit::Origin,
    edge::Hub,
    tool::{Caller, Code, DynTool, Events, Method, Pin, Route, ToolError},
};

/// The argument that makes a repeated call answer again instead of acting again.
const IDEMPOTENCY_KEY: &str = "idempotency_key";

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
            &incoming.query,
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

/// A request, read.
struct Incoming {
    principal: Arc<Principal>,
    pin: Pin,
    id: Option<Arc<str>>,
    headers: HeaderMap,
    query: String,
    body: Bytes,
}

impl Incoming {
    async fn read(hub: &Hub, takes_body: bool, request: Request) -> Result<Self, ToolError> {
        let id = request_id(&request);
        let (mut parts, body) = request.into_parts();
        let principal = parts.extensions.remove::<Arc<Principal>>();
        let unauthenticated = || ToolError::new(Code::Unauthenticated, "send a bearer token");
        let body = body::collect(body, hub.http.max_body_bytes).await?;
        if takes_body && !body.is_empty() {
            body::check_type(&parts.headers)?;
        }
        Ok(Self {
            principal: principal.ok_or_else(unauthenticated)?,
            pin: parts.extensions.remove::<Pin>().unwrap_or_default(),
            id,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        })
    }
}

async fn call(
    hub: &Hub,
    tool: Arc<dyn DynTool>,
    incoming: Incoming,
    mut args: Map<String, Value>,
) -> Response {
    let header = |name: &str| incoming.headers.get(name).and_then(|v| v.to_str().ok());
    let takes_key = tool
        .spec()
        .input_pinned
        .get("properties")
        .is_some_and(|p| p.get(IDEMPOTENCY_KEY).is_some());
    if let Some(key) = header("idempotency-key").filter(|_| takes_key) {
        args.entry(IDEMPOTENCY_KEY).or_insert_with(|| key.into());
    }
    let streamed = header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    // Dropped with the request: a client that goes away cancels its call.
    let cancel = CancellationToken::new();
    let mut caller = Caller {
        principal: incoming.principal,
        pin: incoming.pin,
        origin: Origin::Rest,
        request: incoming.id.clone(),
        cancel: cancel.clone(),
        events: None,
        background: false,
    };
    if !streamed {
        return match hub.registry.call_json(tool.as_ref(), caller, args).await {
            Ok(value) => Json(value).into_response(),
            Err(error) => Problem::new(error, incoming.id.as_ref()).into(),
        };
    }
    let events = Arc::new(Events::default());
    caller.events = Some(Arc::clone(&events));
    let (done, result) = oneshot::channel();
    let (registry, queue) = (Arc::clone(&hub.registry), Arc::clone(&events));
    tokio::spawn(async move {
        let out = registry.call_json(tool.as_ref(), caller, args).await;
        queue.close();
        let _client_gone = done.send(out);
    });
    stream::respond(stream::Follow {
        events,
        result,
        cancel,
        request: incoming.id,
    })
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
