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
mod envelope;
mod fault;
mod forward;
mod light;
mod offers;
mod paging;
mod selection;
mod sessions;
mod sse;
mod streamable;
mod surface;
mod tasks;
mod watch;

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use rmcp::ServerHandler;
use tokio_util::sync::CancellationToken;

use adapter::Adapter;
use endpoint::Endpoint;
pub use selection::Selection;

use super::{HttpConfig, Hub, McpConfig};
use crate::access::ServerId;

/// What the transports need, whatever they serve.
#[derive(Clone, Debug)]
pub struct Transport {
    /// `[http]`.
    pub http: Arc<HttpConfig>,
    /// `[mcp]`.
    pub mcp: Arc<McpConfig>,
    /// Ends all sessions and streams.
    pub stop: CancellationToken,
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
    servers: BTreeMap<ServerId, Router>,
    all: Router,
}

impl Endpoints {
    /// Endpoints for all servers of `hub`. Their sessions and streams end when `stop` is cancelled.
    pub fn new(hub: &Hub, stop: &CancellationToken) -> Self {
        let transport = Transport {
            http: Arc::clone(&hub.http),
            mcp: Arc::clone(&hub.mcp),
            stop: stop.clone(),
        };
        let surface = Arc::new(surface::Surface::new(Arc::clone(&hub.registry)));
        let router = |endpoint: Endpoint| {
            let (surface, endpoint) = (Arc::clone(&surface), Arc::new(endpoint));
            transport.router(move || Adapter::new(Arc::clone(&surface), Arc::clone(&endpoint)))
        };
        Self {
            servers: hub
                .registry
                .servers()
                .map(|server| (server, router(Endpoint::one(server))))
                .collect(),
            all: router(Endpoint::all(hub.mcp.light)),
        }
    }

    /// `/mcp`, `/sse` and `/messages` of all enabled servers at once.
    pub fn all(&self) -> Router {
        self.all.clone()
    }

    /// `/mcp`, `/sse` and `/messages` of one server.
    pub fn router(&self, server: ServerId) -> Router {
        self.servers.get(&server).cloned().unwrap_or_default()
    }
}
