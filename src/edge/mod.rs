//! Floor 5: everything that speaks HTTP. Only this floor knows axum and rmcp.

mod config;
mod docs;
mod gate;
mod health;
mod hosts;
mod listen;
mod load;
pub mod mcp;
mod oauth;
mod proxies;
pub mod rest;
mod routes;
mod stall;
mod wire;

use std::sync::Arc;

use axum::{Router, middleware};

pub use config::{HttpConfig, McpConfig};
pub use listen::{Listener, bind};
pub use load::Load;
pub use mcp::Endpoints;
pub use oauth::Places;
pub use proxies::Network;
pub use routes::Routes;

use crate::{
    access::{Authority, IdempotencyKeys, ServerId, oauth::OAuthServer},
    audit::Audit,
    backup::Backups,
    db::Db,
    project::Projects,
    tool::{Outbox, Registry, Webhooks},
};

/// What the edge serves.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The tools.
    pub registry: Arc<Registry>,
    /// Authenticates callers.
    pub authority: Arc<Authority>,
    /// Requests with an idempotency key.
    pub idempotency: Arc<IdempotencyKeys>,
    /// Lets clients have access tokens, if it is enabled.
    pub oauth: Option<Arc<OAuthServer>>,
    /// Which URLs are the hub's.
    pub places: Arc<Places>,
    /// Projects, agents and members, for administration.
    pub projects: Projects,
    /// The audit log, for administration.
    pub audit: Audit,
    /// Events of all projects.
    pub outbox: Outbox,
    /// Webhooks of all projects, for administration.
    pub webhooks: Webhooks,
    /// Makes backups, for administration.
    pub backups: Backups,
    /// Asked whether the hub is ready.
    pub db: Db,
    /// `[http]`.
    pub http: Arc<HttpConfig>,
    /// `[mcp]`.
    pub mcp: Arc<McpConfig>,
    /// Places for requests.
    pub load: Load,
    /// Renders `/metrics`.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl Hub {
    /// Whether access tokens for one of the hub's endpoints are taken beside service tokens.
    fn takes_oauth(&self) -> bool {
        self.oauth.is_some() || self.authority.issuers().urls().next().is_some()
    }

    /// Who gives out such tokens.
    fn authorization_servers(&self) -> Vec<String> {
        let own = self.oauth.as_ref().map(|_| self.places.issuer());
        let others = self.authority.issuers().urls().map(str::to_owned);
        own.into_iter().chain(others).collect()
    }
}

/// Everything on the main port: REST, health, and each server under its prefix.
pub fn main_router(hub: &Hub, endpoints: &Endpoints) -> Router {
    let prefixed = hub
        .registry
        .servers()
        .fold(Router::new(), |router, server| {
            router.nest(&format!("/{server}"), endpoints.router(server))
        });
    let wires = hub
        .registry
        .servers()
        .fold(Router::new(), |router, server| {
            let wires = wire::router(hub, server);
            router
                .nest(&format!("/{server}"), wires.clone())
                .merge(wires)
        });
    let guarded = guard(
        hub,
        None,
        prefixed.merge(endpoints.all()).merge(rest::router(hub)),
        wires.merge(oauth::router(hub, None)).merge(docs::router()),
    );
    on_any_port(&hub.http, guarded.merge(health::router(hub)))
}

/// Everything on a server's own port.
pub fn server_router(hub: &Hub, endpoints: &Endpoints, server: ServerId) -> Router {
    let own = Some(server);
    let open = wire::router(hub, server).merge(oauth::router(hub, own));
    let guarded = guard(hub, own, endpoints.router(server), open);
    on_any_port(&hub.http, guarded.merge(health::probes(hub)))
}

/// What stands in front of everything but the probes and metrics, which are asked most when the hub is busy: of `router`, which
/// is for those who are authenticated, and of `open`, which is not. Wires ask for credentials themselves: their clients send them,
/// and are refused, in other ways. `own` is the server whose port it is.
fn guard(hub: &Hub, own: Option<ServerId>, router: Router, open: Router) -> Router {
    // axum clones a layer's state for every request, and a hub is a dozen reference counts that all processors share.
    let hub = Arc::new(hub.clone());
    let gate = gate::Gate {
        hub: Arc::clone(&hub),
        own,
    };
    router
        .layer(middleware::from_fn_with_state(gate, gate::authenticate))
        .merge(open)
        .layer(middleware::from_fn_with_state(hub, load::shed))
}

/// What holds on every port, for known and unknown paths alike.
pub fn on_any_port(http: &Arc<HttpConfig>, router: Router) -> Router {
    router
        .fallback(rest::no_such_path)
        .method_not_allowed_fallback(rest::wrong_method)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(
            rest::panicked,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(http),
            gate::check_host,
        ))
}
