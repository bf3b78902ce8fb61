//! MCP: one adapter over the registry, two transports around it.
#![allow(
    deprecated,
    reason = "logging is deprecated since 2026-07-28, and is part of the eras before it, which are served"
)]

mod adapter;
mod call;
mod confirm;
mod credentials;
mod endpoint;
pub(super) mod envelope;
mod fault;
mod forward;
mod light;
mod media;
mod offers;
mod paging;
mod resumable;
mod saved;
mod selection;
mod sessions;
mod sse;
mod store;
mod streamable;
mod surface;
mod tasks;
mod turns;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use rmcp::ServerHandler;
use tokio_util::sync::CancellationToken;

use adapter::Adapter;
use endpoint::Endpoint;
pub use saved::Saved;
pub use selection::Selection;
use surface::Surface;

use super::{HttpConfig, Hub, McpConfig};
use crate::{access::ServerId, tool::Registry};

/// What the transports need, whatever they serve.
#[derive(Clone, Debug)]
pub struct Transport {
    /// `[http]`.
    pub http: Arc<HttpConfig>,
    /// `[mcp]`.
    pub mcp: Arc<McpConfig>,
    /// Ends all sessions and streams.
    pub stop: CancellationToken,
    /// Where sessions are kept for the next start; without it they end with the process.
    pub saved: Option<Saved>,
}

impl Transport {
    /// `/mcp`, `/sse` and `/messages` of one endpoint. `make` makes the handler of each session. Requests must carry
    /// their `Arc<Principal>` and [`crate::tool::Pin`] as extensions, as the gate leaves them.
    pub fn router<H, M>(&self, make: M) -> Router
    where
        H: ServerHandler,
        M: Fn() -> H + Clone + Send + Sync + 'static,
    {
        streamable::router(self, make.clone()).merge(sse::router(self, make))
    }
}

/// The MCP endpoints of every enabled server. One server's sessions are the same on its port and under its prefix.
#[derive(Debug)]
pub struct Endpoints {
    transport: Transport,
    surface: Arc<Surface>,
    servers: BTreeMap<ServerId, Open>,
    all: Router,
}

/// The endpoint of a server.
#[derive(Debug)]
struct Open {
    router: Router,
    /// Ends its sessions and streams.
    stop: CancellationToken,
}

impl Endpoints {
    /// Endpoints for all servers of `hub`. Their sessions and streams end when `stop` is cancelled.
    pub fn new(hub: &Hub, stop: &CancellationToken) -> Self {
        let transport = Transport {
            http: Arc::clone(&hub.http),
            mcp: Arc::clone(&hub.mcp),
            stop: stop.clone(),
            saved: Some(Saved::new(
                hub.db.clone(),
                hub.registry.clock(),
                hub.mcp.session_idle_s,
            )),
        };
        let surface = Arc::new(Surface::new(Arc::clone(&hub.registry)));
        let all = router(&transport, &surface, Endpoint::all(hub.mcp.light));
        let mut endpoints = Self {
            transport,
            surface,
            servers: BTreeMap::new(),
            all,
        };
        endpoints.open_new(&hub.registry);
        endpoints
    }

    /// Shows `registry` from now on: sessions with servers that it still has go on. The tokens that are answered end the
    /// sessions with those that it has no more.
    pub fn replace(&mut self, registry: &Arc<Registry>) -> Vec<(ServerId, CancellationToken)> {
        self.open_new(registry);
        let (open, closed): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.servers)
            .into_iter()
            .partition(|(server, _)| registry.servers().any(|s| s == *server));
        self.servers = open;
        self.surface.replace(Arc::clone(registry));
        closed.into_iter().map(|(s, open)| (s, open.stop)).collect()
    }

    fn open_new(&mut self, registry: &Registry) {
        for server in registry.servers() {
            self.servers.entry(server).or_insert_with(|| {
                let stop = self.transport.stop.child_token();
                let transport = Transport {
                    stop: stop.clone(),
                    ..self.transport.clone()
                };
                let router = router(&transport, &self.surface, Endpoint::one(server));
                Open { router, stop }
            });
        }
    }

    /// `/mcp`, `/sse` and `/messages` of all enabled servers at once.
    pub fn all(&self) -> Router {
        self.all.clone()
    }

    /// `/mcp`, `/sse` and `/messages` of one server.
    pub fn router(&self, server: ServerId) -> Router {
        let open = self.servers.get(&server);
        open.map(|open| open.router.clone()).unwrap_or_default()
    }
}

fn router(transport: &Transport, surface: &Arc<Surface>, endpoint: Endpoint) -> Router {
    let transport = Transport {
        saved: transport.saved.as_ref().map(|s| s.at(endpoint.name)),
        ..transport.clone()
    };
    let (surface, endpoint) = (Arc::clone(surface), Arc::new(endpoint));
    transport.router(move || Adapter::new(Arc::clone(&surface), Arc::clone(&endpoint)))
}
