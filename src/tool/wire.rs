//! Wires: where a server speaks somebody else's protocol over HTTP, byte for byte, instead of the hub's own. Each stands for one
//! of the server's tools and passes the same pipeline: who may call the tool may use the wire, and the audit log shows the tool.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Caller, Code, Ctx, Method, Registry, Spec, Tool, ToolError, ToolServer, pipeline::Admitted,
};
use crate::base::redact;

/// A request as it came, without its credentials.
#[derive(Debug)]
pub struct WireRequest {
    /// The value of the path's `{rest}` or `{*rest}`, if it has one, percent-decoded.
    pub rest: String,
    /// The query, as it was sent.
    pub query: String,
    /// The headers, without credentials and cookies.
    pub headers: HeaderMap,
    /// The body; empty where the wire takes it as it comes.
    pub body: Bytes,
    /// The body, of a wire that takes it as it comes.
    pub incoming: Incoming,
    /// The request's id.
    pub id: Arc<str>,
}

/// A body as it comes: at most as much as its wire takes.
pub struct Incoming(Mutex<BoxStream<'static, Result<Bytes, ToolError>>>);

impl Incoming {
    /// What `stream` brings.
    pub fn new(
        stream: impl futures::Stream<Item = Result<Bytes, ToolError>> + Send + 'static,
    ) -> Self {
        Self(Mutex::new(stream.boxed()))
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self::new(stream::empty())
    }

    /// Its next piece; `None` at its end.
    pub async fn next(&mut self) -> Option<Result<Bytes, ToolError>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.next().await
    }
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// An answer as it goes out.
pub struct WireReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: WireBody,
}

/// The body of an answer.
pub enum WireBody {
    /// All of it.
    Whole(Bytes),
    /// As it comes. The call runs until it ends; an error ends it, and says how the call ended: what the client is told of it
    /// has been sent before.
    Stream(BoxStream<'static, Result<Bytes, ToolError>>),
}

/// One wire.
pub trait Wire: Send + Sync + 'static {
    /// The tool that it stands for.
    type Tool: Tool;
    /// Its method.
    const METHOD: Method;
    /// Its path, e.g. `/v1/models/{*rest}`.
    const PATH: &'static str;
    /// Longest body of a request, in bytes.
    const MAX_BODY: usize;
    /// Whether it takes the body as it comes instead of whole.
    const STREAMS: bool = false;
    /// How long a call may run, its stream included.
    const DEADLINE: Duration = <Self::Tool as Tool>::DEADLINE;
    /// What the audit log keeps of a request: a few fields, of which what looks like a secret is taken out.
    fn arguments(_request: &WireRequest) -> Map<String, Value> {
        Map::new()
    }
    /// Does the work. It runs admitted, under deadline and cancellation, as does the stream that it may answer with.
    fn run(
        server: &Arc<<Self::Tool as Tool>::Server>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> impl Future<Output = Result<WireReply, ToolError>> + Send;
    /// Says `error` in the protocol's own way.
    fn refuse(error: &ToolError, request_id: &str) -> WireReply;
}

/// The object-safe face of a wire.
pub trait DynWire: Send + Sync {
    /// The contract of the tool that it stands for.
    fn spec(&self) -> &Arc<Spec>;
    /// Its method.
    fn method(&self) -> Method;
    /// Its path.
    fn path(&self) -> &'static str;
    /// Longest body of a request, in bytes.
    fn max_body(&self) -> usize;
    /// Whether it takes the body as it comes instead of whole.
    fn streams(&self) -> bool;
    /// What the audit log keeps of a request.
    fn arguments(&self, request: &WireRequest) -> Map<String, Value>;
    /// Does the work.
    fn run<'a>(
        &'a self,
        ctx: &'a Ctx,
        request: WireRequest,
    ) -> BoxFuture<'a, Result<WireReply, ToolError>>;
    /// Says `error` in the protocol's own way.
    fn refuse(&self, error: &ToolError, request_id: &str) -> WireReply;
}

struct Bound<W: Wire> {
    server: Arc<<W::Tool as Tool>::Server>,
    spec: Arc<Spec>,
}

impl<W: Wire> DynWire for Bound<W> {
    fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    fn method(&self) -> Method {
        W::METHOD
    }

    fn path(&self) -> &'static str {
        W::PATH
    }

    fn max_body(&self) -> usize {
        W::MAX_BODY
    }

    fn streams(&self) -> bool {
        W::STREAMS
    }

    fn arguments(&self, request: &WireRequest) -> Map<String, Value> {
        W::arguments(request)
    }

    fn run<'a>(
        &'a self,
        ctx: &'a Ctx,
        request: WireRequest,
    ) -> BoxFuture<'a, Result<WireReply, ToolError>> {
        W::run(&self.server, ctx, request).boxed()
    }

    fn refuse(&self, error: &ToolError, request_id: &str) -> WireReply {
        W::refuse(error, request_id)
    }
}

type Bind<S> = fn(&Arc<S>) -> Arc<dyn DynWire>;

/// The wires of one server, declared: they are bound once the server is open.
pub struct WireSet<S>(Vec<Bind<S>>);

impl<S: ToolServer> WireSet<S> {
    /// Adds a wire.
    pub fn add<W: Wire>(&mut self) -> &mut Self
    where
        W::Tool: Tool<Server = S>,
    {
        self.0.push(bind::<S, W>);
        self
    }

    pub(super) fn bound(server: &Arc<S>) -> Vec<Arc<dyn DynWire>> {
        let mut set = Self(Vec::new());
        S::wires(&mut set);
        set.0.iter().map(|bind| bind(server)).collect()
    }
}

fn bind<S: ToolServer, W: Wire>(server: &Arc<S>) -> Arc<dyn DynWire>
where
    W::Tool: Tool<Server = S>,
{
    Arc::new(Bound::<W> {
        server: Arc::clone(server),
        spec: Arc::new(Spec {
            deadline: W::DEADLINE,
            ..Spec::of::<W::Tool>()
        }),
    })
}

impl Registry {
    /// Calls a tool by its wire. The caller's pin names project and agent.
    pub async fn call_wire(
        self: &Arc<Self>,
        wire: &dyn DynWire,
        caller: Caller,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        let kept = || redact::arguments(&wire.arguments(&request), wire.spec().content).to_string();
        let arguments = self.audit().keeps_arguments().then(kept);
        let admitted = self.admit_pinned(wire.spec(), caller, arguments).await?;
        admitted.charge(|| request.body.len() as u64);
        let done = admitted.guard(wire.run(&admitted.ctx, request)).await;
        if let Ok(WireReply {
            body: WireBody::Whole(whole),
            ..
        }) = &done
        {
            admitted.charge(|| whole.len() as u64);
        }
        match done {
            Ok(WireReply {
                status,
                headers,
                body: WireBody::Stream(stream),
            }) => Ok(WireReply {
                status,
                headers,
                body: WireBody::Stream(watched(admitted, stream)),
            }),
            done => {
                admitted.settle(done.as_ref().err());
                done
            }
        }
    }
}

/// `stream` under its call's deadline and cancellation. The call is settled when the stream has ended, and aborted when it is
/// dropped before.
fn watched(
    admitted: Admitted,
    stream: BoxStream<'static, Result<Bytes, ToolError>>,
) -> BoxStream<'static, Result<Bytes, ToolError>> {
    let state = Some((admitted, stream));
    stream::unfold(state, |state| async move {
        let (admitted, mut stream) = state?;
        let next = admitted
            .guard(async { stream.next().await.transpose() })
            .await;
        match next {
            Ok(Some(bytes)) => {
                admitted.charge(|| bytes.len() as u64);
                Some((Ok(bytes), Some((admitted, stream))))
            }
            Ok(None) => {
                admitted.settle(None);
                None
            }
            Err(error) => {
                // Dropped first: what it holds ends before the call does.
                drop(stream);
                admitted.settle(Some(&error));
                Some((Err(error), None))
            }
        }
    })
    .boxed()
}

impl WireReply {
    /// An answer of JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        );
        Self {
            status,
            headers,
            body: WireBody::Whole(Bytes::from(body.to_string())),
        }
    }
}

/// The status of `error`: its own, where a service behind the hub gave it one, or that of its code.
pub fn status_of(error: &ToolError) -> u16 {
    let told = error
        .details
        .as_ref()
        .and_then(|d| d.get("status")?.as_u64());
    match (
        error.code,
        told.and_then(|status| u16::try_from(status).ok()),
    ) {
        (Code::InvalidArgument, None) => 400,
        (_, Some(status)) if (400..600).contains(&status) => status,
        (code, _) => code.http_status(),
    }
}
