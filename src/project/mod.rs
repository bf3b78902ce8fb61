//! Floor 2: projects, agents, and which agent is a member of which project.

mod store;
pub mod workspace;

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        clock::{Clock, Millis},
        ids::{AgentId, ProjectId},
        ttl::TtlCache,
    },
    db::{Db, DbError},
};

/// The project, and the agent, that a new hub starts with.
pub const DEFAULT: &str = "default";

/// How long a change of membership made by another process may go unseen.
const MEMBERSHIP_TTL: Duration = Duration::from_secs(1);

/// The project and agent that a call works in and for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Whose data the call sees.
    pub project: ProjectId,
    /// Who the call is made for.
    pub agent: AgentId,
}

/// A project or an agent, as listed.
#[derive(Clone, Debug, Serialize, JsonSchema, sqlx::FromRow)]
pub struct Named {
    /// The name used in calls.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
}

/// The projects, agents and members of this hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Projects {
    db: Db,
    clock: Clock,
    members: Arc<TtlCache<Scope, bool>>,
}

impl Projects {
    /// Projects as `db` holds them.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            members: Arc::new(TtlCache::new(MEMBERSHIP_TTL)),
        }
    }

    /// Whether the agent is a member of the project now. False also where either does not exist.
    pub async fn is_member(&self, scope: &Scope) -> Result<bool, DbError> {
        if let Some(known) = self.members.get(scope) {
            return Ok(known);
        }
        let is = store::is_member(&self.db, scope).await?;
        self.members.put(scope.clone(), is);
        Ok(is)
    }

    /// Makes a project. False when there is one of that id already.
    pub async fn create_project(&self, id: &ProjectId, name: &str) -> Result<bool, DbError> {
        store::create(
            &self.db,
            store::Table::Project,
            id.as_str(),
            name,
            self.clock.now(),
        )
        .await
    }

    /// Makes an agent. False when there is one of that id already.
    pub async fn create_agent(&self, id: &AgentId, name: &str) -> Result<bool, DbError> {
        store::create(
            &self.db,
            store::Table::Agent,
            id.as_str(),
            name,
            self.clock.now(),
        )
        .await
    }

    /// Makes the agent a member of the project. False when either does not exist.
    pub async fn add_member(&self, scope: &Scope) -> Result<bool, DbError> {
        let added = store::add_member(&self.db, scope, self.clock.now()).await;
        self.members.clear();
        added
    }

    /// Ends a membership. False when there was none.
    pub async fn remove_member(&self, scope: &Scope) -> Result<bool, DbError> {
        let removed = store::remove_member(&self.db, scope).await;
        self.members.clear();
        removed
    }

    /// The project of this id.
    pub async fn project(&self, id: &ProjectId) -> Result<Option<Named>, DbError> {
        store::project(&self.db, id).await
    }

    /// Projects by id, after `after`.
    pub async fn list_projects(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Named>, DbError> {
        store::list(&self.db, store::Table::Project, after, limit).await
    }

    /// Agents by id, after `after`.
    pub async fn list_agents(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Named>, DbError> {
        store::list(&self.db, store::Table::Agent, after, limit).await
    }

    /// The agents that are members of `project`, by id, after `after`.
    pub async fn list_members(
        &self,
        project: &ProjectId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Named>, DbError> {
        store::members(&self.db, project, after, limit).await
    }
}
