//! HTTP+SSE (MCP 2024-11-05, still spoken by most clients): `GET /sse` opens a stream whose first event names the path to
//! POST messages to; answers come back on the stream. rmcp has no server side for it, but takes any sink and stream.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{OriginalUri, Request, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures::{SinkExt, StreamExt, channel::mpsc, future, stream};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use rmcp::model::{ClientJsonRpcMessage, GetExtensions, ServerJsonRpcMessage};
use tokio_util::sync::CancellationToken;

use rmcp::ServerHandler;

use super::{Selection, Transport, envelope, streamable::SESSION_ID};
use crate::{
    access::Principal,
    edge::{proxies::Prefix, rest::query_pairs},
    tool::Pin,
};

/// The metric that counts streams.
const OPEN: &str = "syndarix_sse_streams";
/// Messages waiting in either direction.
const QUEUE: usize = 32;
/// How long a POST waits for a busy session before the client is told to come back.
const POST_PATIENCE: Duration = Duration::from_secs(5);

/// What the stream's URL confined the session to; the endpoint that it named carries none of it.
#[derive(Clone)]
struct Url {
    pin: Pin,
    selection: Selection,
}

struct Session {
    owner: Arc<str>,
    url: Url,
    inbox: mpsc::Sender<ClientJsonRpcMessage>,
}

/// The open streams of one endpoint.
type Open = Arc<Mutex<HashMap<String, Session>>>;

struct Streams<M> {
    transport: Transport,
    make: M,
    open: Open,
}

impl<M: Clone> Clone for Streams<M> {
    fn clone(&self) -> Self {
        Self {
            transport: self.transport.clone(),
            make: self.make.clone(),
            open: Arc::clone(&self.open),
        }
    }
}

/// Closes a session when its stream is dropped: the client has gone, or was cut off.
struct Closing {
    open: Open,
    id: String,
    stop: CancellationToken,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
        self.stop.cancel();
        metrics::gauge!(OPEN).decrement(1.0);
    }
}

/// `/sse` and `/messages` of one endpoint. `make` makes the handler of each session.
pub fn router<H, M>(transport: &Transport, make: M) -> Router
where
    H: ServerHandler,
    M: Fn() -> H + Clone + Send + Sync + 'static,
{
    let streams = Streams {
        transport: transport.clone(),
        make,
        open: Arc::default(),
    };
    Router::new()
        .route("/sse", get(open::<H, M>))
        .route("/messages", post(message::<M>))
        .with_state(streams)
}

async fn open<H, M>(
    State(streams): State<Streams<M>>,
    Extension(principal): Extension<Arc<Principal>>,
    Extension(pin): Extension<Pin>,
    selection: Option<Extension<Selection>>,
    prefix: Option<Extension<Prefix>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response
where
    H: ServerHandler,
    M: Fn() -> H + Clone + Send + Sync + 'static,
{
    if headers.contains_key(SESSION_ID) {
        let message = "a session of streamable HTTP has its stream at /mcp";
        return envelope::refuse(StatusCode::METHOD_NOT_ALLOWED, -32600, message).into();
    }
    // 122 random bits, and the same token must come with every message.
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (to_server, from_client) = mpsc::channel::<ClientJsonRpcMessage>(QUEUE);
    let (to_client, from_server) = mpsc::channel::<ServerJsonRpcMessage>(QUEUE);
    let session = Session {
        owner: Arc::clone(&principal.id),
        url: Url {
            pin,
            selection: selection.map(|s| s.0).unwrap_or_default(),
        },
        inbox: to_server,
    };
    if let Err(refusal) = streams.register(&id, session, &principal) {
        return refusal.into();
    }
    let stop = streams.transport.stop.child_token();
    let closing = Closing {
        open: Arc::clone(&streams.open),
        id: id.clone(),
        stop: stop.clone(),
    };
    metrics::gauge!(OPEN).increment(1.0);
    let (handler, serving) = ((streams.make)(), stop.clone());
    tokio::spawn(async move {
        match rmcp::service::serve_server_with_ct(
            handler,
            (to_client, from_client),
            serving.clone(),
        )
        .await
        {
            Ok(running) => {
                let _ended = running.waiting().await;
            }
            Err(error) => tracing::debug!(%error, "SSE session did not start"),
        }
        serving.cancel();
    });
    let outer = prefix.as_ref().map_or("", |Extension(prefix)| &*prefix.0);
    let endpoint = Event::default()
        .event("endpoint")
        .data(endpoint_path(outer, &uri, &id));
    // A client that does not read holds up the session; the listener cuts it off, which drops the stream.
    let events = stream::iter([endpoint])
        .chain(from_server.filter_map(|message| future::ready(event(message))))
        .map(move |event| {
            let _until_the_stream_is_dropped = &closing;
            Ok::<_, Infallible>(event)
        })
        .take_until(stop.cancelled_owned());
    let keep_alive =
        KeepAlive::new().interval(Duration::from_secs(streams.transport.mcp.keep_alive_s));
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // Proxies that gather output would hold events back.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

impl<M> Streams<M> {
    fn register(
        &self,
        id: &str,
        session: Session,
        principal: &Principal,
    ) -> Result<(), envelope::Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= self.transport.mcp.max_sessions {
            return Err(envelope::busy(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many open streams: try again later",
            ));
        }
        let own = open.values().filter(|s| s.owner == principal.id).count();
        if own >= self.transport.mcp.max_sessions_per_token {
            return Err(envelope::busy(
                StatusCode::TOO_MANY_REQUESTS,
                "this token has too many open streams: close some, or try again later",
            ));
        }
        open.insert(id.to_owned(), session);
        Ok(())
    }

    fn find(
        &self,
        id: &str,
        principal: &Principal,
    ) -> Option<(mpsc::Sender<ClientJsonRpcMessage>, Url)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(id)
            .filter(|s| s.owner == principal.id)
            .map(|s| (s.inbox.clone(), s.url.clone()))
    }
}

/// Where messages are to be posted: beside `/sse`, on the same port and under the same prefixes. `outer` is the one that
/// a proxy takes away.
fn endpoint_path(outer: &str, uri: &Uri, id: &str) -> String {
    let prefix = uri
        .path()
        .trim_end_matches('/')
        .strip_suffix("/sse")
        .unwrap_or_default();
    format!("{outer}{prefix}/messages?sessionId={id}")
}

/// A message as an event of the stream.
fn event(message: ServerJsonRpcMessage) -> Option<Event> {
    match serde_json::to_string(&message) {
        Ok(data) => Some(Event::default().event("message").data(data)),
        Err(error) => {
            tracing::error!(%error, "a message could not be written");
            None
        }
    }
}

async fn message<M: Send + Sync>(
    State(streams): State<Streams<M>>,
    Extension(principal): Extension<Arc<Principal>>,
    request: Request,
) -> Response {
    let pairs = query_pairs(request.uri().query().unwrap_or_default());
    let id = pairs
        .iter()
        .find(|(key, _)| key == "sessionId" || key == "session_id")
        .map(|(_, id)| id.as_str());
    let Some((mut inbox, url)) = id.and_then(|id| streams.find(id, &principal)) else {
        // Another's session answers like one that never was.
        return envelope::refuse(
            StatusCode::NOT_FOUND,
            -32001,
            "session not found: open a new stream with GET /sse",
        )
        .into();
    };
    let (mut parts, body) = request.into_parts();
    let body = match envelope::read(body, streams.transport.http.max_body_bytes).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into(),
    };
    let id = match envelope::peek(&body) {
        Ok(peeked) => peeked.id(),
        Err(refusal) => return refusal.into(),
    };
    let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
        let next = "not a JSON-RPC 2.0 message: send jsonrpc \"2.0\", id, method and params";
        return envelope::refuse(StatusCode::BAD_REQUEST, -32600, next)
            .to(id)
            .into();
    };
    parts.extensions.insert(url.pin);
    parts.extensions.insert(url.selection);
    match &mut message {
        ClientJsonRpcMessage::Request(request) => {
            request.request.extensions_mut().insert(parts);
        }
        ClientJsonRpcMessage::Notification(notification) => {
            notification.notification.extensions_mut().insert(parts);
        }
        _ => {}
    }
    match tokio::time::timeout(POST_PATIENCE, inbox.send(message)).await {
        Ok(Ok(())) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Ok(Err(_closed)) => {
            let message = "session closed: open a new stream";
            envelope::refuse(StatusCode::NOT_FOUND, -32001, message)
                .to(id)
                .into()
        }
        Err(_full) => {
            let message = "the session is busy: read its stream";
            envelope::busy(StatusCode::SERVICE_UNAVAILABLE, message)
                .to(id)
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_posted_beside_the_stream() {
        let path = |outer, uri: &'static str| endpoint_path(outer, &Uri::from_static(uri), "x");
        assert_eq!(path("", "/sse"), "/messages?sessionId=x");
        assert_eq!(
            path("", "/git/sse?project_id=a"),
            "/git/messages?sessionId=x"
        );
        assert_eq!(path("/hub", "/git/sse"), "/hub/git/messages?sessionId=x");
    }
}
