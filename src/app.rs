//! The composition root: from settings to a running hub, and back to rest.

use std::{
    collections::BTreeMap,
    fs::File,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Authority, NewToken, ServerId, key, token::Token},
    audit::{self, Audit},
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    config::Settings,
    db::{Db, DbError},
    edge::{self, Endpoints, Hub, Listener},
    observe,
    project::{Projects, Scope, workspace::Workspaces},
    servers::{
        self, cicd::Cicd, code_analysis::CodeAnalysis, file_system::FileSystem, git::Git,
        issues::Issues, knowledge_base::KnowledgeBase, llm_gateway::LlmGateway,
    },
    tool::{Builder, Changes, Host, Parts, Pool, Registry, Tasks},
};

/// The file that holds the administrator's token, in the data directory.
pub const ADMIN_TOKEN: &str = "admin.token";
/// The project and agent that a new hub starts with.
pub const DEFAULT_NAME: &str = "default";

/// How long the answers of the last calls get to reach their clients before streams are closed.
const FLUSH: Duration = Duration::from_millis(300);

/// What a hub keeps, open, without its servers: enough to administer it.
pub struct Store {
    /// The data directory.
    pub data: PathBuf,
    /// The database.
    pub db: Db,
    /// Projects, agents and members.
    pub projects: Projects,
    /// Tokens.
    pub authority: Arc<Authority>,
    clock: Clock,
}

impl Store {
    /// Opens the data directory and the database of `settings`, making what is missing.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let data = prepare(&settings.storage.data)?;
        let clock = Clock::System;
        let db = Db::open(&settings.database, &data)
            .await
            .context("cannot open the database")?;
        let key_file = settings
            .auth
            .key_file
            .clone()
            .unwrap_or_else(|| data.join("token.key"));
        let key = key::load_or_create(&key_file)
            .with_context(|| format!("cannot use the key file {}", key_file.display()))?;
        let authority = Arc::new(Authority::new(
            db.clone(),
            clock.clone(),
            key,
            settings.limits.clone(),
            servers::all_tool_names(),
        ));
        let projects = Projects::new(db.clone(), clock.clone());
        Ok(Self {
            data,
            db,
            projects,
            authority,
            clock,
        })
    }

    /// The newest entries of the audit log that `query` finds.
    pub async fn audit(
        &self,
        query: &audit::Query,
        limit: u32,
    ) -> Result<Vec<audit::Record>, DbError> {
        audit::find(&self.db, query, None, limit).await
    }

    /// A project with an agent, where there is none yet.
    async fn first_project(&self) -> anyhow::Result<()> {
        if !self.projects.list_projects(None, 1).await?.is_empty() {
            return Ok(());
        }
        let scope = Scope {
            project: ProjectId::new(DEFAULT_NAME)?,
            agent: AgentId::new(DEFAULT_NAME)?,
        };
        self.projects
            .create_project(&scope.project, "Default project")
            .await?;
        self.projects
            .create_agent(&scope.agent, "Default agent")
            .await?;
        self.projects.add_member(&scope).await?;
        Ok(())
    }

    /// A token that may do everything, where there is none yet. Returned when it is new.
    async fn first_token(&self) -> anyhow::Result<Option<Token>> {
        let file = self.data.join(ADMIN_TOKEN);
        if let Ok(text) = std::fs::read_to_string(&file)
            && self.authority.authenticate(text.trim()).await.is_ok()
        {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut after: Option<String> = None;
        loop {
            let page = self.authority.list(after.as_deref(), 200).await?;
            let lives = page.iter().any(|t| {
                t.revoked_ms.is_none()
                    && t.expires_ms.is_none_or(|at| at > now)
                    && t.scopes.iter().any(|s| s == "hub:admin")
            });
            if lives {
                return Ok(None);
            }
            match page.last() {
                Some(last) if page.len() == 200 => after = Some(last.id.clone()),
                _ => break,
            }
        }
        let everything = NewToken {
            name: "admin".into(),
            projects: vec!["*".into()],
            agents: vec!["*".into()],
            scopes: vec!["mcp:admin".into(), "hub:admin".into()],
            ..NewToken::default()
        };
        let (token, _) = self
            .authority
            .create(everything)
            .await
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        key::write_private(&file, format!("{}\n", token.reveal()).as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Some(token))
    }
}

/// Makes the data directory, private to its owner.
fn prepare(data: &Path) -> anyhow::Result<PathBuf> {
    let problem = |error: std::io::Error| {
        anyhow::anyhow!(
            "cannot use the data directory {}: {error}: make it writable, or set storage.data in config.toml",
            data.display()
        )
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(problem)?;
    let probe = data.join(format!(".probe-{}", std::process::id()));
    File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(problem)?;
    data.canonicalize().map_err(problem)
}

/// Keeps a second hub out of the same data directory for as long as it lives.
struct Lock(#[allow(dead_code, reason = "held for its lock")] File);

impl Lock {
    fn take(data: &Path) -> anyhow::Result<Self> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join("hub.lock"))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            anyhow::anyhow!(
                "another hub is running with the data directory {}: stop it, or set storage.data in config.toml",
                data.display()
            )
        })?;
        Ok(Self(file))
    }
}

/// A hub, open: its servers can be called in-process.
pub struct App {
    settings: Settings,
    host: Host,
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
        let lock = Lock::take(&data)?;
        let store = Store::open(&settings).await?;
        store.first_project().await?;
        let first_token = store.first_token().await?;
        let audit = Audit::open(store.db.clone(), &store.clock, &settings.audit).await?;
        let host = Host {
            db: store.db.clone(),
            data: store.data.clone(),
            clock: store.clock.clone(),
            workspaces: Workspaces::new(&store.data),
            changes: Changes::default(),
            tasks: Tasks::default(),
        };
        let registry = mount(&settings, &host).await?.build(Parts {
            authority: Arc::clone(&store.authority),
            projects: store.projects.clone(),
            audit: audit.clone(),
            clock: store.clock,
            pool: Pool::new(settings.limits.blocking_threads),
            changes: host.changes.clone(),
        })?;
        let hub = Hub {
            registry,
            authority: store.authority,
            projects: store.projects,
            audit,
            db: store.db,
            http: Arc::new(settings.http.clone()),
            mcp: Arc::new(settings.mcp.clone()),
            metrics: observe::start_metrics()?,
        };
        Ok(Self {
            settings,
            host,
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

    /// Serves until `stop` is cancelled, then drains. `ready` is told where, once every port is bound.
    pub async fn serve(
        self,
        stop: CancellationToken,
        ready: impl FnOnce(&Self, &Bound),
    ) -> anyhow::Result<()> {
        let main = edge::bind(&self.settings.http.listen).await?;
        let mut own: Vec<(ServerId, Listener)> = Vec::new();
        for server in self.hub.registry.servers() {
            if let Some(address) = self.settings.listen(server) {
                own.push((server, edge::bind(&address).await?));
            }
        }
        let bound = Bound {
            main: main.address,
            servers: own.iter().map(|(s, l)| (*s, l.address)).collect(),
        };
        // Sessions and streams outlive the listeners: calls that run when the hub stops may still answer on them.
        let streams = CancellationToken::new();
        let endpoints = Endpoints::new(&self.hub, &streams);
        let mut serving = vec![self.spawn(main, edge::main_router(&self.hub, &endpoints), &stop)];
        for (server, listener) in own {
            serving.push(self.spawn(
                listener,
                edge::server_router(&self.hub, &endpoints, server),
                &stop,
            ));
        }
        ready(&self, &bound);
        stop.cancelled().await;
        tracing::info!("stopping");
        self.drain(&streams, serving).await;
        Ok(())
    }

    fn spawn(
        &self,
        listener: Listener,
        router: axum::Router,
        stop: &CancellationToken,
    ) -> tokio::task::JoinHandle<()> {
        tokio::spawn(listener.serve(router, Arc::clone(&self.hub.http), stop.clone()))
    }

    async fn drain(&self, streams: &CancellationToken, serving: Vec<tokio::task::JoinHandle<()>>) {
        let patience = Duration::from_secs(self.settings.http.drain_s);
        let idle = async {
            while self.hub.registry.running().all() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(patience, idle).await.is_err() {
            tracing::warn!(
                calls = self.hub.registry.running().all(),
                "calls were cut off at the end of the drain time"
            );
        }
        // A call has ended before its answer is on the wire.
        tokio::time::sleep(FLUSH).await;
        streams.cancel();
        for listener in serving {
            if let Err(error) = listener.await {
                tracing::warn!(%error, "a listener failed");
            }
        }
        self.close().await;
    }

    /// Ends background work and closes the database.
    pub async fn close(&self) {
        self.host.tasks.drain(Duration::from_millis(1500)).await;
        self.hub.audit.flush().await;
        self.hub.db.close().await;
    }
}

/// The servers that `settings` enables.
async fn mount(settings: &Settings, host: &Host) -> anyhow::Result<Builder> {
    let own = settings.servers.clone();
    let on = |server| settings.servers.common(server).enabled;
    let mut builder = Registry::builder();
    if on(ServerId::LlmGateway) {
        builder = builder.mount(LlmGateway::open(own.llm_gateway, host).await?);
    }
    if on(ServerId::Git) {
        builder = builder.mount(Git::open(own.git, host).await?);
    }
    if on(ServerId::KnowledgeBase) {
        builder = builder.mount(KnowledgeBase::open(own.knowledge_base, host).await?);
    }
    if on(ServerId::Issues) {
        builder = builder.mount(Issues::open(own.issues, host).await?);
    }
    if on(ServerId::FileSystem) {
        builder = builder.mount(FileSystem::open(own.file_system, host).await?);
    }
    if on(ServerId::CodeAnalysis) {
        builder = builder.mount(CodeAnalysis::open(own.code_analysis, host).await?);
    }
    if on(ServerId::Cicd) {
        builder = builder.mount(Cicd::open(own.cicd, host).await?);
    }
    Ok(builder)
}
