//! A real hub in a temporary directory, for unit tests of tools: real SQLite, real files, the real pipeline.

use std::sync::Arc;

use tempfile::TempDir;

use crate::{
    access::{Authority, LimitsConfig, NewToken, Principal},
    audit::{Audit, AuditConfig, ChainKey},
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    db::{DatabaseConfig, Db},
    project::{Projects, Scope, workspace::Workspaces},
    tool::{Builder, Caller, Changes, Host, Parts, Pool, Registry, Tasks, Tool, ToolError, Upkeep},
};

/// A host over a fresh data directory.
pub async fn host() -> (Host, TempDir) {
    host_at(Clock::default()).await
}

async fn host_at(clock: Clock) -> (Host, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&DatabaseConfig::default(), dir.path())
        .await
        .unwrap();
    let host = Host {
        db,
        data: dir.path().to_owned(),
        clock,
        workspaces: Workspaces::new(dir.path()),
        changes: Changes::default(),
        tasks: Tasks::default(),
        upkeep: Upkeep::default(),
    };
    (host, dir)
}

/// Project `demo` with the agents `ann` and `bea`, project `elsewhere` with the agent `eve`; calls are made for `ann` by a
/// principal that may do everything everywhere.
#[derive(Clone)]
pub struct Team {
    pub registry: Arc<Registry>,
    pub host: Host,
    pub audit: Audit,
    pub projects: Projects,
    pub authority: Arc<Authority>,
    pub principal: Arc<Principal>,
    pub scope: Scope,
    _dir: Arc<TempDir>,
}

/// A team with the servers that `mount` adds.
pub async fn team(mount: impl AsyncFnOnce(Builder, &Host) -> Builder) -> Team {
    team_at(Clock::default(), mount).await
}

/// The same, where it is the time of `clock`.
pub async fn team_at(clock: Clock, mount: impl AsyncFnOnce(Builder, &Host) -> Builder) -> Team {
    let (host, dir) = host_at(clock).await;
    let projects = Projects::new(host.db.clone(), host.clock.clone());
    for (project, agents) in [("demo", &["ann", "bea"][..]), ("elsewhere", &["eve"][..])] {
        let project = ProjectId::new(project).unwrap();
        projects.create_project(&project, "").await.unwrap();
        for agent in agents {
            let agent = AgentId::new(agent).unwrap();
            projects.create_agent(&agent, "").await.unwrap();
            projects
                .add_member(&Scope {
                    project: project.clone(),
                    agent,
                })
                .await
                .unwrap();
        }
    }
    let authority = Arc::new(Authority::new(
        host.db.clone(),
        host.clock.clone(),
        [7; 32],
        LimitsConfig::default(),
        crate::servers::all_tool_names(),
    ));
    let audit = Audit::open(
        host.db.clone(),
        &host.data,
        &host.clock,
        ChainKey::of(&[7; 32]),
        &AuditConfig::default(),
    )
    .await
    .unwrap();
    let registry = mount(Registry::builder(), &host)
        .await
        .build(Parts {
            authority: Arc::clone(&authority),
            projects: projects.clone(),
            audit: audit.clone(),
            clock: host.clock.clone(),
            pool: Pool::new(4),
            changes: host.changes.clone(),
            upkeep: host.upkeep.clone(),
        })
        .unwrap();
    let principal = token(&authority, &["*"], &["*"], &["mcp:admin", "hub:admin"]).await;
    let scope = scope("demo", "ann");
    Team {
        registry,
        host,
        audit,
        projects,
        authority,
        principal,
        scope,
        _dir: Arc::new(dir),
    }
}

/// A project and agent by name.
pub fn scope(project: &str, agent: &str) -> Scope {
    Scope {
        project: ProjectId::new(project).unwrap(),
        agent: AgentId::new(agent).unwrap(),
    }
}

/// The principal of a new token.
async fn token(
    authority: &Authority,
    projects: &[&str],
    agents: &[&str],
    scopes: &[&str],
) -> Arc<Principal> {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let wanted = NewToken {
        name: "test".into(),
        projects: list(projects),
        agents: list(agents),
        scopes: list(scopes),
        ..NewToken::default()
    };
    let (token, _) = authority.create(wanted).await.unwrap();
    authority.authenticate(token.reveal()).await.unwrap()
}

impl Team {
    /// The principal of a new token.
    pub async fn token(
        &self,
        projects: &[&str],
        agents: &[&str],
        scopes: &[&str],
    ) -> Arc<Principal> {
        token(&self.authority, projects, agents, scopes).await
    }

    #[must_use]
    /// The same hub, with calls made in `project` for `agent`.
    pub fn at(&self, project: &str, agent: &str) -> Self {
        Self {
            scope: scope(project, agent),
            ..self.clone()
        }
    }

    #[must_use]
    /// The same hub, with calls made by `principal`.
    pub fn by(&self, principal: Arc<Principal>) -> Self {
        Self {
            principal,
            ..self.clone()
        }
    }

    /// Calls a tool with typed arguments.
    pub async fn call<T: Tool>(&self, args: T::Args) -> Result<T::Output, ToolError> {
        self.registry
            .call::<T>(
                Caller::embedded(Arc::clone(&self.principal)),
                &self.scope,
                args,
            )
            .await
    }

    /// Calls a tool with JSON arguments, scope added.
    pub async fn call_json(
        &self,
        tool: &str,
        args: serde_json::Value,
    ) -> Result<serde_json::Value, ToolError> {
        let tool = Arc::clone(self.registry.find_any(tool).unwrap());
        let mut args = args.as_object().unwrap().clone();
        args.insert("project_id".into(), self.scope.project.as_str().into());
        args.insert("agent_id".into(), self.scope.agent.as_str().into());
        self.registry
            .call_json(
                tool.as_ref(),
                Caller::embedded(Arc::clone(&self.principal)),
                args,
            )
            .await
    }
}
