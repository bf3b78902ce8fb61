//! Streamable HTTP (MCP 2025-03-26 and later): rmcp's transport, with sessions bound to their token, kept over restarts,
//! capped, and JSON-RPC errors where rmcp answers with plain text.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use http::{HeaderMap, Method, StatusCode, header};
use rmcp::{
    ServerHandler,
    model::ProtocolVersion,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{SessionManager, SessionStore},
    },
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Saved, Transport,
    envelope::{self, Refusal},
    resumable::Resumable,
    sessions::{Full, Owners, Place},
    turns::Turn,
};
use crate::access::Principal;

pub const SESSION_ID: &str = "mcp-session-id";
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// How often the owners of sessions that have ended are forgotten, and the use of the others is noted.
const SWEEP: Duration = Duration::from_secs(30);
/// Sweeps between deletions of stored sessions that nobody may use any more.
const EXPIRE_EVERY: u32 = 20;

struct Endpoint<H> {
    service: StreamableHttpService<H, Resumable>,
    manager: Arc<Resumable>,
    owners: Arc<Owners>,
    saved: Option<Saved>,
    max_body: usize,
}

/// `/mcp` of one endpoint. `make` makes the handler of each session, and of each request outside sessions.
pub fn router<H, M>(transport: &Transport, make: M) -> Router
where
    H: ServerHandler,
    M: Fn() -> H + Send + Sync + 'static,
{
    let idle = Duration::from_secs(transport.mcp.session_idle_s);
    let manager = Arc::new(Resumable::new(idle));
    // Host and origin are checked for all faces at the gate.
    let mut config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_json_response(true)
        .with_sse_keep_alive(Some(Duration::from_secs(transport.mcp.keep_alive_s)))
        .with_max_request_body_bytes(transport.http.max_body_bytes)
        .with_cancellation_token(transport.stop.child_token());
    config.session_store = transport
        .saved
        .clone()
        .map(|saved| Arc::new(saved) as Arc<dyn SessionStore>);
    let service = StreamableHttpService::new(move || Ok(make()), Arc::clone(&manager), config);
    // Shared, not cloned for every request.
    let endpoint = Arc::new(Endpoint {
        service,
        manager: Arc::clone(&manager),
        owners: Arc::new(Owners::new(&transport.mcp)),
        saved: transport.saved.clone(),
        max_body: transport.http.max_body_bytes,
    });
    tokio::spawn(sweep(
        Arc::clone(&endpoint),
        manager,
        transport.stop.child_token(),
    ));
    Router::new()
        .route("/mcp", any(serve::<H>))
        // Some clients try this transport first at whatever URL they are given.
        .route("/sse", post(serve::<H>).delete(serve::<H>))
        .with_state(endpoint)
}

async fn sweep<H>(endpoint: Arc<Endpoint<H>>, manager: Arc<Resumable>, stop: CancellationToken) {
    for round in 1_u32.. {
        let stopped = tokio::time::timeout(SWEEP, stop.cancelled()).await.is_ok();
        if let Some(saved) = &endpoint.saved {
            let mut noted = saved.touch(endpoint.owners.take_used()).await;
            if round.is_multiple_of(EXPIRE_EVERY) && noted.is_ok() {
                noted = saved.expire().await;
            }
            if let Err(error) = noted {
                tracing::warn!(%error, "could not note the use of sessions");
            }
        }
        for id in endpoint.owners.ids() {
            if stopped || !manager.has_session(&id).await.unwrap_or(false) {
                endpoint.owners.remove(&id);
            }
        }
        if stopped {
            return;
        }
    }
}

async fn serve<H: ServerHandler>(
    State(endpoint): State<Arc<Endpoint<H>>>,
    Extension(principal): Extension<Arc<Principal>>,
    request: Request,
) -> Response {
    let session = session_id(request.headers());
    if let Some(session) = &session
        && let Err(refusal) = endpoint.admit(session, &principal).await
    {
        return refusal.into();
    }
    let method = request.method().clone();
    let checked = if method == Method::POST {
        endpoint.check(&principal, session.is_some(), request).await
    } else {
        Ok(Checked {
            request,
            id: Value::Null,
            opening: None,
        })
    };
    let Checked {
        request,
        id,
        opening,
    } = match checked {
        Ok(checked) => checked,
        Err(refusal) => return refusal.into(),
    };
    let turn = match &session {
        Some(session) => endpoint.turn(session).await,
        None => None,
    };
    let response = endpoint.service.handle(request).await.map(Body::new);
    drop(turn);
    if let (Some(opening), Some(opened)) = (opening, session_id(response.headers())) {
        endpoint.opened(opened, opening, &principal).await;
    }
    if let Some(session) =
        session.filter(|_| method == Method::DELETE && response.status().is_success())
    {
        endpoint.owners.remove(&session);
        // rmcp answers 202; some SDKs take anything but 200 and 204 for a failure.
        return StatusCode::NO_CONTENT.into_response();
    }
    as_json_rpc(response, id)
}

fn session_id(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(SESSION_ID)?.to_str().ok().map(Arc::from)
}

/// Another's session answers like one that never was.
fn not_found() -> Refusal {
    envelope::refuse(
        StatusCode::NOT_FOUND,
        -32001,
        "session not found: initialize a new one",
    )
}

/// A request that may be handed to rmcp.
struct Checked {
    request: Request,
    /// What an answer repeats.
    id: Value,
    /// There when the request opens a session.
    opening: Option<Opening>,
}

/// A session that is being opened.
struct Opening {
    place: Place,
    /// The parameters of its `initialize`, as JSON.
    initialize: String,
}

impl<H> Endpoint<H> {
    /// The turn of a request to `session`, which may have to be brought back first.
    async fn turn(&self, session: &Arc<str>) -> Option<Turn> {
        let there = self.manager.has_session(session).await;
        self.manager
            .turns
            .wait(session, there.unwrap_or(false))
            .await
    }

    /// Whether `principal` may use `session`. One of an earlier process is taken up again.
    async fn admit(&self, session: &Arc<str>, principal: &Principal) -> Result<(), Refusal> {
        match self.owners.uses(session, &principal.id) {
            Some(true) => return Ok(()),
            Some(false) => return Err(not_found()),
            None => {}
        }
        let saved = self.saved.as_ref().ok_or_else(not_found)?;
        let owner = saved.owner(session).await.map_err(|error| {
            tracing::error!(%error, "could not look for a session");
            envelope::busy(
                StatusCode::SERVICE_UNAVAILABLE,
                "sessions cannot be looked up now: try again later",
            )
        })?;
        if owner.as_deref() != Some(&*principal.id) {
            return Err(not_found());
        }
        self.reserve(principal)?.take(Arc::clone(session));
        Ok(())
    }

    fn reserve(&self, principal: &Principal) -> Result<Place, Refusal> {
        self.owners.reserve(&principal.id).map_err(|full| match full {
            Full::Token => envelope::busy(
                StatusCode::TOO_MANY_REQUESTS,
                "this token has too many sessions: close some (DELETE with their Mcp-Session-Id) or wait",
            ),
            Full::Server => envelope::busy(StatusCode::SERVICE_UNAVAILABLE, "too many sessions: try again later"),
        })
    }

    /// Reads and checks a POST's body, and takes a place for the session that it would open.
    async fn check(
        &self,
        principal: &Principal,
        in_session: bool,
        request: Request,
    ) -> Result<Checked, Refusal> {
        let (parts, body) = request.into_parts();
        let body = envelope::read(body, self.max_body).await?;
        let message = envelope::peek(&body)?;
        let id = message.id();
        let opening = match message.method.as_deref() {
            Some("initialize") if !in_session => Some(Opening {
                place: self
                    .reserve(principal)
                    .map_err(|full| full.to(id.clone()))?,
                initialize: envelope::params(&body),
            }),
            // rmcp hands it to handlers in this era too.
            Some("logging/setLevel") if is_sessionless(&parts.headers) => {
                let message = "logging/setLevel is not part of MCP 2026-07-28: ask for a log level in each request's _meta";
                return Err(envelope::refuse(StatusCode::NOT_FOUND, -32601, message).to(id));
            }
            _ => None,
        };
        Ok(Checked {
            request: Request::from_parts(parts, Body::from(body)),
            id,
            opening,
        })
    }

    /// Notes whose the new session is, here and for the next process.
    async fn opened(&self, session: Arc<str>, opening: Opening, principal: &Principal) {
        let Opening { place, initialize } = opening;
        place.take(Arc::clone(&session));
        let Some(saved) = &self.saved else { return };
        if let Err(error) = saved.insert(&session, &principal.id, initialize).await {
            tracing::warn!(%error, "a session will end with this process: it could not be stored");
        }
    }
}

/// Whether the request speaks of an era without sessions.
fn is_sessionless(headers: &HeaderMap) -> bool {
    let version = headers.get(PROTOCOL_VERSION).and_then(|v| v.to_str().ok());
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str())
}

/// rmcp refuses some requests with plain text. Clients expect JSON-RPC; and a body that is JSON, but no JSON-RPC message,
/// is a bad request, not an unsupported media type.
fn as_json_rpc(response: Response, id: Value) -> Response {
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
        StatusCode::NOT_FOUND => not_found(),
        _ => envelope::refuse(
            status,
            -32600,
            "bad request: initialize first and send the Mcp-Session-Id you were given and a MCP-Protocol-Version this \
             server knows, or speak MCP 2026-07-28, which needs no session",
        ),
    };
    refusal.to(id).into()
}
