//! Wires over HTTP: other protocols, which the servers speak themselves. Here are only the connection's own affairs: credentials,
//! the scope that a client cannot name in a body that is not ours, and the body's bytes.

use std::{borrow::Cow, pin::Pin as Pinned, sync::Arc, task::Poll};

use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request, State},
    response::Response,
    routing::on,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_util::sync::CancellationToken;

use super::{Hub, gate, rest};
use crate::{
    access::{Place, Principal, ServerId},
    audit::Origin,
    project::DEFAULT,
    tool::{Caller, DynWire, Incoming, Pin, ToolError, WireBody, WireReply, WireRequest},
};

/// Where a wire may also be found, by clients that can set nothing but a base URL.
const SCOPED: &str = "/projects/{project_id}/agents/{agent_id}";
/// What a server need not see: credentials are the hub's affair.
const PRIVATE: [&str; 4] = [
    "authorization",
    "x-api-key",
    "cookie",
    "proxy-authorization",
];

/// The wires of `server`.
pub fn router(hub: &Hub, server: ServerId) -> Router {
    let hub = Arc::new(hub.clone());
    hub.registry
        .wires(server)
        .fold(Router::new(), |router, wire| {
            let handler = {
                let wire = Arc::clone(wire);
                move |State(hub): State<Arc<Hub>>, path: RawPathParams, request: Request| {
                    let wire = Arc::clone(&wire);
                    async move { answer(&hub, wire.as_ref(), &path, request).await }
                }
            };
            let filter = rest::filter(wire.method());
            let router = router.route(wire.path(), on(filter, handler.clone()));
            // A path may name the project itself.
            if wire.path().contains("{project_id}") {
                return router;
            }
            router.route(&format!("{SCOPED}{}", wire.path()), on(filter, handler))
        })
        .with_state(hub)
}

async fn answer(hub: &Hub, wire: &dyn DynWire, path: &RawPathParams, request: Request) -> Response {
    let id = gate::request_id(&request).cloned().unwrap_or_default();
    // Dropped with the request, or with the answer's body: a client that goes away cancels its call.
    let cancel = CancellationToken::new();
    match call(hub, wire, path, request, &id, cancel.clone()).await {
        Ok(reply) => respond(reply, cancel),
        Err(error) => {
            if let Some(source) = &error.source {
                tracing::error!(code = error.code.as_str(), cause = %source, request = &*id, "request failed");
            }
            let mut reply = wire.refuse(&error, &id);
            if let Some(seconds) = error.retry_after_s() {
                reply
                    .headers
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            respond(reply, cancel)
        }
    }
}

async fn call(
    hub: &Hub,
    wire: &dyn DynWire,
    path: &RawPathParams,
    request: Request,
    id: &Arc<str>,
    cancel: CancellationToken,
) -> Result<WireReply, ToolError> {
    let (mut parts, body) = request.into_parts();
    let principal = gate::identify(
        hub,
        credentials(&parts.headers).as_deref(),
        Place::Hub,
        Origin::Rest,
        Some(Arc::clone(id)),
    )
    .await?;
    let pin = pin(path, &parts.headers, &principal);
    let (body, incoming) = if wire.streams() {
        (Bytes::new(), incoming(body, wire.max_body()))
    } else {
        let body = rest::collect(body, wire.max_body()).await?;
        (body, Incoming::empty())
    };
    for name in PRIVATE {
        parts.headers.remove(name);
    }
    let caller = Caller {
        principal,
        pin,
        origin: Origin::Rest,
        request: Some(Arc::clone(id)),
        cancel,
        events: None,
        background: false,
    };
    let request = WireRequest {
        rest: path
            .iter()
            .find(|(name, _)| *name == "rest")
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        incoming,
        id: Arc::clone(id),
    };
    hub.registry.call_wire(wire, caller, request).await
}

/// A bearer token, or the header in which Anthropic's clients send their key.
fn credentials(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let key = || headers.get("x-api-key")?.to_str().ok().map(str::trim);
    let found = gate::bearer(headers).or_else(key);
    found
        .map(Cow::Borrowed)
        .or_else(|| basic(headers).map(Cow::Owned))
}

/// The password of HTTP's Basic scheme (RFC 7617), or the user's name where there is no password: git asks for both.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(if password.is_empty() { user } else { password }.to_owned())
}

/// At most `limit` bytes of `body`, as they come.
fn incoming(body: Body, limit: usize) -> Incoming {
    let mut room = limit;
    Incoming::new(body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(|_| ToolError::invalid("", "the request body broke off"))?;
        room = room.checked_sub(piece.len()).ok_or_else(|| {
            ToolError::too_large(format!(
                "the request body exceeds {limit} bytes: send less at once"
            ))
        })?;
        Ok(piece)
    }))
}

/// Where the call works: the path, `X-Project-Id` and `X-Agent-Id`, OpenAI's own header for projects, or what the token is bound
/// to. A client of another protocol may know nothing of any of these: its calls are those of the default project and agent, if
/// its token covers them.
fn pin(path: &RawPathParams, headers: &HeaderMap, principal: &Principal) -> Pin {
    let from_path = |name: &str| {
        let found = path.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| Arc::<str>::from(value))
    };
    let header = |name: &str| headers.get(name)?.to_str().ok().map(Arc::<str>::from);
    let named = Pin {
        project: from_path("project_id")
            .or_else(|| header("x-project-id"))
            .or_else(|| header("openai-project")),
        agent: from_path("agent_id").or_else(|| header("x-agent-id")),
    };
    let pin = named.or_bound(principal);
    Pin {
        project: pin.project.or_else(|| Some(DEFAULT.into())),
        agent: pin.agent.or_else(|| Some(DEFAULT.into())),
    }
}

fn respond(reply: WireReply, cancel: CancellationToken) -> Response {
    let body = match reply.body {
        WireBody::Whole(bytes) => Body::from(bytes),
        WireBody::Stream(inner) => Body::from_stream(Cancelling { inner, cancel }),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = reply.headers;
    response
}

/// A body that cancels its call when it is dropped. An error ends it like an end: the call is on record, and what the client is
/// told of it came before.
struct Cancelling {
    inner: BoxStream<'static, Result<Bytes, ToolError>>,
    cancel: CancellationToken,
}

impl Stream for Cancelling {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(
        mut self: Pinned<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.inner
            .poll_next_unpin(context)
            .map(|next| next.and_then(Result::ok).map(Ok))
    }
}

impl Drop for Cancelling {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
