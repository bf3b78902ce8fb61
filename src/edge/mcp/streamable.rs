//! Streamable HTTP (MCP 2025-03-26 and later): rmcp's transport, with sessions bound to their token, caps, and
//! JSON-RPC errors where rmcp answers with plain text.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use http::{HeaderMap, Method, StatusCode, header};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{SessionManager, local::LocalSessionManager},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Transport, envelope,
    sessions::{Full, Owners},
};
use crate::access::Principal;

const SESSION_ID: &str = "mcp-session-id";
/// How often the owners of sessions that have ended are forgotten.
const SWEEP: Duration = Duration::from_secs(30);

struct Endpoint<H> {
    service: StreamableHttpService<H, LocalSessionManager>,
    owners: Arc<Owners>,
    max_body: usize,
}

impl<H> Clone for Endpoint<H> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            owners: Arc::clone(&self.owners),
            max_body: self.max_body,
        }
    }
}

/// `/mcp` of one endpoint. `make` makes the handler of each session, and of each request outside sessions.
pub fn router<H, M>(transport: &Transport, make: M) -> Router
where
    H: ServerHandler,
    M: Fn() -> H + Send + Sync + 'static,
{
    let mut manager = LocalSessionManager::default();
    manager.session_config.keep_alive = Some(Duration::from_secs(transport.mcp.session_idle_s));
    let manager = Arc::new(manager);
    // Host and origin are checked for all faces at the gate.
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_json_response(true)
        .with_sse_keep_alive(Some(Duration::from_secs(transport.mcp.keep_alive_s)))
        .with_max_request_body_bytes(transport.http.max_body_bytes)
        .with_cancellation_token(transport.stop.child_token());
    let service = StreamableHttpService::new(move || Ok(make()), Arc::clone(&manager), config);
    let owners = Arc::new(Owners::new(&transport.mcp));
    tokio::spawn(sweep(
        Arc::clone(&owners),
        manager,
        transport.stop.child_token(),
    ));
    let endpoint = Endpoint {
        service,
        owners,
        max_body: transport.http.max_body_bytes,
    };
    Router::new()
        .route("/mcp", any(serve::<H>))
        .with_state(endpoint)
}

async fn sweep(owners: Arc<Owners>, manager: Arc<LocalSessionManager>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        for id in owners.ids() {
            if !manager.has_session(&id).await.unwrap_or(false) {
                owners.remove(&id);
            }
        }
    }
}

async fn serve<H: ServerHandler>(
    State(endpoint): State<Endpoint<H>>,
    Extension(principal): Extension<Arc<Principal>>,
    request: Request,
) -> Response {
    let session = session_id(request.headers());
    if let Some(session) = &session
        && !endpoint.owners.is_owner(session, &principal.id)
    {
        // Another's session answers like one that never was.
        return envelope::refuse(
            StatusCode::NOT_FOUND,
            -32001,
            "session not found: initialize a new one",
        )
        .into();
    }
    let method = request.method().clone();
    let request = if method == Method::POST {
        match checked(&endpoint, &principal, session.is_some(), request).await {
            Ok(request) => request,
            Err(refusal) => return refusal.into(),
        }
    } else {
        request
    };
    let response = endpoint.service.handle(request).await.map(Body::new);
    if let Some(opened) = session_id(response.headers()).filter(|_| session.is_none()) {
        endpoint.owners.insert(opened, Arc::clone(&principal.id));
    }
    if let Some(session) =
        session.filter(|_| method == Method::DELETE && response.status().is_success())
    {
        endpoint.owners.remove(&session);
        // rmcp answers 202; some SDKs take anything but 200 and 204 for a failure.
        return StatusCode::NO_CONTENT.into_response();
    }
    as_json_rpc(response)
}

fn session_id(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(SESSION_ID)?.to_str().ok().map(Arc::from)
}

/// Reads and checks a POST's body, and whether there is room for the session it would open.
async fn checked<H>(
    endpoint: &Endpoint<H>,
    principal: &Principal,
    in_session: bool,
    request: Request,
) -> Result<Request, envelope::Refusal> {
    let (parts, body) = request.into_parts();
    let body = envelope::read(body, endpoint.max_body).await?;
    let opens = envelope::peek(&body)?.method.as_deref() == Some("initialize") && !in_session;
    if opens {
        endpoint.owners.room_for(&principal.id).map_err(|full| match full {
            Full::Token => envelope::busy(
                StatusCode::TOO_MANY_REQUESTS,
                "this token has too many sessions: close some (DELETE with their Mcp-Session-Id) or wait",
            ),
            Full::Server => envelope::busy(StatusCode::SERVICE_UNAVAILABLE, "too many sessions: try again later"),
        })?;
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// rmcp refuses some requests with plain text. Clients expect JSON-RPC; and a body that is JSON, but no JSON-RPC message,
/// is a bad request, not an unsupported media type.
fn as_json_rpc(response: Response) -> Response {
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
    if !status.is_client_error() || is_json || status == StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let refusal = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => envelope::refuse(
            StatusCode::BAD_REQUEST,
            -32600,
            "not a JSON-RPC 2.0 message in application/json: send jsonrpc \"2.0\", id, method and params",
        ),
        StatusCode::NOT_ACCEPTABLE => envelope::refuse(
            status,
            -32600,
            "the Accept header must name application/json and text/event-stream",
        ),
        StatusCode::NOT_FOUND => {
            envelope::refuse(status, -32001, "session not found: initialize a new one")
        }
        _ => envelope::refuse(
            status,
            -32600,
            "bad request: initialize first and send the Mcp-Session-Id you were given and a MCP-Protocol-Version this \
             server knows, or speak MCP 2026-07-28, which needs no session",
        ),
    };
    refusal.into()
}
