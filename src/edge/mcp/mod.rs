//! MCP: one adapter over the registry, two transports around it.

mod adapter;
mod envelope;
mod sessions;
mod sse;
mod streamable;

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::access::ServerId;

/// The MCP endpoints of every enabled server. One server's sessions are the same on its port and under its prefix.
#[derive(Debug)]
pub struct Endpoints(BTreeMap<ServerId, Router>);

impl Endpoints {
    /// Endpoints for all servers of `hub`. Their sessions and streams end when `stop` is cancelled.
    pub fn new(hub: &Hub, stop: &CancellationToken) -> Self {
        let router = |server| {
            let adapter = adapter::Adapter::new(Arc::clone(&hub.registry), server);
            streamable::router(hub, adapter.clone(), stop).merge(sse::router(hub, adapter, stop))
        };
        Self(
            hub.registry
                .servers()
                .map(|server| (server, router(server)))
                .collect(),
        )
    }

    /// `/mcp`, `/sse` and `/messages` of one server.
    pub fn router(&self, server: ServerId) -> Router {
        self.0.get(&server).cloned().unwrap_or_default()
    }
}
