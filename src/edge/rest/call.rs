//! One call of a tool: read, made once where its sender says so, and answered whole or as a stream.

use std::sync::Arc;

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Problem, body, once, request_id, stream};
use crate::{
    access::{Entered, Held, Keyed, Principal},
    audit::Origin,
    edge::Hub,
    tool::{AGENT_ID, Access, Caller, Code, DynTool, Events, PROJECT_ID, Pin, Spec, ToolError},
};

/// The argument that makes a repeated call answer again instead of acting again, where a tool has it.
const IDEMPOTENCY_KEY: &str = "idempotency_key";

/// A request, read.
pub struct Incoming {
    principal: Arc<Principal>,
    pin: Pin,
    id: Option<Arc<str>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Incoming {
    /// Reads `request`, and if it `takes_body`, whether that is JSON.
    pub async fn read(hub: &Hub, takes_body: bool, request: Request) -> Result<Self, ToolError> {
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
            uri: parts.uri,
            method: parts.method,
            headers: parts.headers,
            body,
        })
    }

    /// The query string.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn wants_stream(&self) -> bool {
        let accept = self.header("accept");
        accept.is_some_and(|accept| accept.contains("text/event-stream"))
    }

    fn into_caller(self, cancel: CancellationToken) -> Caller {
        Caller {
            principal: self.principal,
            pin: self.pin,
            origin: Origin::Rest,
            request: self.id,
            cancel,
            events: None,
            background: false,
        }
    }

    /// The request as one that is to be done once.
    fn keyed<'a>(&'a self, spec: &Spec, key: &'a str, args: &'a Map<String, Value>) -> Keyed<'a> {
        let named = |name: &str, pin: &'a Option<Arc<str>>| {
            let argument = args.get(name).and_then(Value::as_str);
            argument.or(pin.as_deref()).unwrap_or_default()
        };
        Keyed {
            key,
            principal: &self.principal.id,
            scope: [
                named(PROJECT_ID, &self.pin.project),
                named(AGENT_ID, &self.pin.agent),
            ],
            target: [self.method.as_str(), self.uri.path()],
            content: [self.query().as_bytes(), &self.body],
            request: self.id.as_deref().unwrap_or_default(),
            limit: spec.deadline,
        }
    }
}

/// The key that the call is to be made once with, if its sender gave one and the hub has to see to it: a tool that reads may be called
/// again, and one that takes a key itself keeps it with what it did.
fn key<'a>(
    hub: &Hub,
    spec: &Spec,
    incoming: &'a Incoming,
    args: &mut Map<String, Value>,
) -> Result<Option<&'a str>, ToolError> {
    if spec.access == Access::Read {
        return Ok(None);
    }
    let Some(key) = once::key(&incoming.headers)? else {
        return Ok(None);
    };
    let own = spec.input_pinned.get("properties");
    if own.is_some_and(|own| own.get(IDEMPOTENCY_KEY).is_some()) {
        args.entry(IDEMPOTENCY_KEY).or_insert_with(|| key.into());
        return Ok(None);
    }
    // What will be refused takes no key.
    let visible = hub.registry.is_visible(spec, &incoming.principal);
    Ok(visible.then_some(key))
}

/// Calls `tool`, and answers.
pub async fn call(
    hub: &Hub,
    tool: Arc<dyn DynTool>,
    incoming: Incoming,
    mut args: Map<String, Value>,
) -> Response {
    let id = incoming.id.clone();
    let answered = match key(hub, tool.spec(), &incoming, &mut args) {
        Ok(None) => answer(hub, tool, incoming, args).await,
        Ok(Some(key)) => {
            let (hub, key) = (hub.clone(), key.to_owned());
            // It goes on when its client goes away, who comes back for the answer.
            let done = tokio::spawn(answer_once(hub, tool, incoming, args, key)).await;
            done.unwrap_or_else(|gone| Err(ToolError::internal(gone)))
        }
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| Problem::new(error, id.as_ref()).into())
}

async fn answer(
    hub: &Hub,
    tool: Arc<dyn DynTool>,
    incoming: Incoming,
    args: Map<String, Value>,
) -> Result<Response, ToolError> {
    let streamed = incoming.wants_stream();
    // Dropped with the request: a client that goes away cancels its call.
    let cancel = CancellationToken::new();
    let caller = incoming.into_caller(cancel.clone());
    if streamed {
        return Ok(follow(hub, tool, caller, args, cancel, None));
    }
    let done = hub.registry.call_json(tool.as_ref(), caller, args).await?;
    Ok(Json(done).into_response())
}

async fn answer_once(
    hub: Hub,
    tool: Arc<dyn DynTool>,
    incoming: Incoming,
    args: Map<String, Value>,
    key: String,
) -> Result<Response, ToolError> {
    let keyed = incoming.keyed(tool.spec(), &key, &args);
    let entered = hub.idempotency.enter(&keyed).await?;
    let (streamed, id) = (incoming.wants_stream(), incoming.id.clone());
    let caller = incoming.into_caller(CancellationToken::new());
    match entered {
        Entered::Before(answer) => {
            let again = hub.registry.call_again(tool.as_ref(), caller, args);
            again.await?;
            Ok(once::again(&answer, streamed))
        }
        Entered::Now(held) if streamed => {
            let nobody = CancellationToken::new();
            Ok(follow(&hub, tool, caller, args, nobody, Some(held)))
        }
        Entered::Now(held) => {
            let done = hub.registry.call_json(tool.as_ref(), caller, args).await;
            once::keep(&hub.idempotency, held, once::told(&done, id.as_ref())).await;
            Ok(Json(done?).into_response())
        }
    }
}

/// Calls `tool`, and answers with what it says meanwhile. `cancel` is cancelled when the client goes away.
fn follow(
    hub: &Hub,
    tool: Arc<dyn DynTool>,
    mut caller: Caller,
    args: Map<String, Value>,
    cancel: CancellationToken,
    held: Option<Held>,
) -> Response {
    let (events, request) = (Arc::new(Events::default()), caller.request.clone());
    caller.events = Some(Arc::clone(&events));
    let (done, result) = oneshot::channel();
    let (hub, queue, id) = (hub.clone(), Arc::clone(&events), request.clone());
    tokio::spawn(async move {
        let out = hub.registry.call_json(tool.as_ref(), caller, args).await;
        if let Some(held) = held {
            once::keep(&hub.idempotency, held, once::told(&out, id.as_ref())).await;
        }
        queue.close();
        let _client_gone = done.send(out);
    });
    stream::respond(stream::Follow {
        events,
        result,
        cancel,
        request,
    })
}
