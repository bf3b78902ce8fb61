//! The composition root: from settings to a running hub, through changes of them, and back to rest.

pub mod doctor;
mod engines;
mod keep;
mod ports;
mod reload;
pub mod running;
mod serve;
mod store;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use metrics::gauge;

pub use keep::{backup, key_outside, restore};
pub use store::Store;

use self::{
    engines::Engines,
    running::Lock,
    store::{prepare, tell_if_full},
};
use crate::{
    access::{self, Authority, ServerId, oauth::OAuthServer, token::Token},
    audit::Audit,
    backup::Backups,
    config::Settings,
    edge::{Hub, Load, Places},
    observe,
    project::{Projects, workspace::Workspaces},
    servers,
    tool::{Changes, Host, Outbox, Parts, Pool, Registry, Tasks, Upkeep, Webhooks},
};

/// The file that holds the administrator's token, in the data directory.
pub const ADMIN_TOKEN: &str = "admin.token";

/// A hub, open: its servers can be called in-process.
pub struct App {
    /// What it runs with: where a changed setting waits for a restart, the old one.
    settings: Settings,
    host: Host,
    engines: Engines,
    hub: Hub,
    /// The administrator's token, if this start made it.
    pub first_token: Option<Token>,
    _lock: Lock,
}

/// Where a hub listens.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The main port.
    pub main: SocketAddr,
    /// The servers' own ports.
    pub servers: BTreeMap<ServerId, SocketAddr>,
}

impl App {
    /// Opens everything.
    pub async fn open(settings: Settings) -> anyhow::Result<Self> {
        let data = prepare(&settings.storage.data)?;
        let lock = Lock::take(&data).await?;
        tell_if_full(&data);
        let metrics = observe::start_metrics(settings.database.kind()?.as_str())?;
        let store = Store::open(&settings).await?;
        gauge!("process_start_time_seconds").set(store.clock.now() as f64 / 1000.0);
        store.first_project().await?;
        let first_token = store.first_token().await?;
        let audit = Audit::open(
            store.db.clone(),
            &store.data,
            &store.clock,
            store.audit_key,
            &settings.audit,
        )
        .await?;
        let outbox = Outbox::open(
            store.db.clone(),
            &store.data,
            &store.clock,
            &settings.events,
        )
        .await?;
        let host = Host {
            db: store.db.clone(),
            data: store.data.clone(),
            clock: store.clock.clone(),
            workspaces: Workspaces::new(&store.data),
            changes: Changes::kept(outbox.clone()),
            tasks: Tasks::default(),
            upkeep: Upkeep::default(),
        };
        let mut engines = Engines::default();
        for server in settings.servers.enabled() {
            engines.open(server, &settings.servers, &host).await?;
        }
        let registry = engines.builder(&settings.servers).build(Parts {
            authority: Arc::clone(&store.authority),
            projects: store.projects.clone(),
            audit: audit.clone(),
            clock: store.clock,
            pool: Pool::new(settings.limits.blocking_threads),
            changes: host.changes.clone(),
            upkeep: host.upkeep.clone(),
        })?;
        let kept = metrics.clone();
        #[cfg(feature = "otel")]
        host.tasks.spawn("traces", observe::traces::send);
        host.tasks
            .spawn("metrics", |stop| observe::keep_metrics(kept, stop));
        let http = Arc::new(settings.http.clone());
        let oauth = settings.auth.oauth.enabled.then(|| {
            let config = settings.auth.oauth.clone();
            Arc::new(OAuthServer::new(config, Arc::clone(&store.authority)))
        });
        if let Some(oauth) = oauth.clone() {
            host.tasks.spawn("oauth", |stop| oauth.keep(stop));
        }
        let (db, keys) = (store.db.clone(), Arc::clone(&store.idempotency));
        host.tasks
            .spawn("access", |stop| access::keep(db, keys, stop));
        let (events, changes) = (outbox.clone(), host.changes.clone());
        host.tasks
            .spawn("events", |stop| events.follow(changes, stop));
        let webhooks = Webhooks::new(
            store.db.clone(),
            host.clock.clone(),
            store.webhook_seal,
            outbox.clone(),
            &settings.webhooks,
            servers::all_tool_names(),
        );
        let sending = webhooks.clone();
        host.tasks.spawn("webhooks", |stop| sending.run(stop));
        let log = audit.clone();
        host.tasks.spawn("audit", |stop| log.keep(stop));
        let hub = Hub {
            registry,
            oauth,
            places: Arc::new(Places::new(&http)),
            authority: store.authority,
            idempotency: store.idempotency,
            projects: store.projects,
            audit,
            outbox,
            webhooks,
            backups: Backups::new(
                &host.data,
                store.db.kind(),
                host.workspaces.clone(),
                host.clock.clone(),
            ),
            db: store.db,
            load: Load::new(&settings.http),
            http,
            mcp: Arc::new(settings.mcp.clone()),
            metrics,
        };
        Ok(Self {
            settings,
            host,
            engines,
            hub,
            first_token,
            _lock: lock,
        })
    }

    /// The tools, to be called in-process.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.hub.registry
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.hub.audit
    }

    /// Tokens.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.hub.authority
    }

    /// Projects, agents and members.
    pub fn projects(&self) -> &Projects {
        &self.hub.projects
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.host.data
    }

    /// Ends background work and closes the database.
    pub async fn close(&self) {
        self.host.tasks.drain(Duration::from_millis(1500)).await;
        self.hub.audit.flush().await;
        self.hub.db.close().await;
    }
}
