//! The ports that a hub serves, and what each serves at the moment.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Bound;
use crate::{
    access::ServerId,
    config::Settings,
    edge::{self, Endpoints, HttpConfig, Hub, Listener, Routes},
    tool::Registry,
};

/// How long the answers of the last calls get to reach their clients before streams are closed.
const FLUSH: Duration = Duration::from_millis(300);

/// All ports of a hub, and the MCP sessions on them.
pub struct Ports {
    http: Arc<HttpConfig>,
    endpoints: Endpoints,
    main: Port,
    own: BTreeMap<ServerId, Port>,
    /// Stops accepting.
    stop: CancellationToken,
    /// Ends sessions and streams. They outlive the listeners: calls that run when the hub stops may still answer on them.
    streams: CancellationToken,
    listeners: TaskTracker,
}

struct Port {
    address: SocketAddr,
    routes: Routes,
    stop: CancellationToken,
}

/// Ports that are bound and not served yet.
pub type Fresh = Vec<(ServerId, Listener)>;

impl Ports {
    /// Binds every port that `settings` ask for and serves `hub` on them until `stop` is cancelled.
    pub async fn open(
        hub: &Hub,
        settings: &Settings,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let main = listen(&settings.http.listen, settings).await?;
        let fresh = bind(settings, &hub.registry, |_| true).await?;
        let streams = CancellationToken::new();
        hub.places.set_main(main.address);
        let endpoints = Endpoints::new(hub, &streams);
        let listeners = TaskTracker::new();
        let routes = Routes::new(edge::main_router(hub, &endpoints));
        let main = Port::serve(main, routes, &hub.http, stop, &listeners);
        let mut ports = Self {
            http: Arc::clone(&hub.http),
            endpoints,
            main,
            own: BTreeMap::new(),
            stop: stop.clone(),
            streams,
            listeners,
        };
        ports.add(hub, fresh);
        Ok(ports)
    }

    /// Where the hub listens.
    pub fn bound(&self) -> Bound {
        Bound {
            main: self.main.address,
            servers: self.own.iter().map(|(s, p)| (*s, p.address)).collect(),
        }
    }

    /// Binds the ports of those servers of `registry` that have none yet.
    pub async fn bind_new(
        &self,
        settings: &Settings,
        registry: &Registry,
    ) -> anyhow::Result<Fresh> {
        bind(settings, registry, |server| !self.own.contains_key(&server)).await
    }

    /// Serves `hub` from now on. Servers that it still has keep their ports and sessions; `fresh` ports open; those of
    /// servers that it has no more close when their last calls have ended.
    pub fn replace(&mut self, hub: &Hub, fresh: Fresh) {
        let closed = self.endpoints.replace(&hub.registry);
        let main = edge::main_router(hub, &self.endpoints);
        self.main.routes.replace(main);
        for (server, sessions) in closed {
            if let Some(port) = self.own.remove(&server) {
                port.stop.cancel();
            }
            let (registry, patience) = (Arc::clone(&hub.registry), self.patience());
            self.listeners.spawn(async move {
                let idle = || registry.running().on(server) == 0;
                quiet(idle, patience).await;
                sessions.cancel();
            });
        }
        for (server, port) in &self.own {
            let router = edge::server_router(hub, &self.endpoints, *server);
            port.routes.replace(router);
        }
        self.add(hub, fresh);
    }

    fn add(&mut self, hub: &Hub, fresh: Fresh) {
        for (server, listener) in fresh {
            let routes = Routes::new(edge::server_router(hub, &self.endpoints, server));
            hub.places.set_own(server, listener.address);
            let port = Port::serve(listener, routes, &self.http, &self.stop, &self.listeners);
            self.own.insert(server, port);
        }
    }

    /// Lets running calls end, then closes streams and waits for the listeners, which were told to stop.
    pub async fn drain(self, registry: &Registry) {
        let idle = || registry.running().all() == 0;
        if !quiet(idle, self.patience()).await {
            let calls = registry.running().all();
            tracing::warn!(calls, "calls were cut off at the end of the drain time");
        }
        self.streams.cancel();
        self.listeners.close();
        self.listeners.wait().await;
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.http.drain_s)
    }
}

async fn listen(address: &str, settings: &Settings) -> anyhow::Result<Listener> {
    let patience = Duration::from_secs(settings.mcp.stall_timeout_s);
    Ok(edge::bind(address).await?.cut_stalled_after(patience))
}

impl Port {
    fn serve(
        listener: Listener,
        routes: Routes,
        http: &Arc<HttpConfig>,
        stop: &CancellationToken,
        listeners: &TaskTracker,
    ) -> Self {
        let (address, stop) = (listener.address, stop.child_token());
        listeners.spawn(listener.serve(routes.clone(), Arc::clone(http), stop.clone()));
        Self {
            address,
            routes,
            stop,
        }
    }
}

/// Binds the own ports of those servers of `registry` that `wanted` says.
async fn bind(
    settings: &Settings,
    registry: &Registry,
    wanted: impl Fn(ServerId) -> bool,
) -> anyhow::Result<Fresh> {
    let mut fresh = Vec::new();
    for server in registry.servers().filter(|s| wanted(*s)) {
        if let Some(address) = settings.listen(server) {
            fresh.push((server, listen(&address, settings).await?));
        }
    }
    Ok(fresh)
}

/// Waits until no calls run, at most `patience`, and for their answers to be on the wire: a call has ended before that.
/// False when calls still run.
async fn quiet(idle: impl Fn() -> bool, patience: Duration) -> bool {
    let waiting = async {
        while !idle() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let quiet = tokio::time::timeout(patience, waiting).await.is_ok();
    tokio::time::sleep(FLUSH).await;
    quiet
}
