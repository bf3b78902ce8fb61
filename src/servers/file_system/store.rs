//! The SQL of leases. A project's leases concern that project alone.

use crate::{
    base::{
        beneath::RelPath,
        clock::Millis,
        ids::{ProjectId, RepoName},
    },
    db::{Db, DbError, Tx},
    on_db, on_tx,
    project::Scope,
    servers::file_system::model::Lease,
};

/// The leases. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LeaseStore {
    db: Db,
}

/// A lease to take.
#[derive(Debug, Clone)]
pub struct NewLease {
    pub scope: Scope,
    pub repo: RepoName,
    pub path: RelPath,
    pub purpose: Option<String>,
    pub expires_ms: Millis,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Acquired {
    Taken(Lease),
    /// Another agent holds this one.
    Held(Lease),
    /// The agent holds as many as it may.
    TooMany,
}

/// Most leases of one agent in one repository.
pub const MOST_LEASES: usize = 100;

const LIVE: &str = "select path, agent_id, purpose, expires_ms from fs_lease \
                    where project_id = $1 and repo = $2 and expires_ms > $3 order by path";

impl LeaseStore {
    /// The table in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The leases of a repository that have not expired at `now`, by path.
    pub async fn live(
        &self,
        project: &ProjectId,
        repo: &RepoName,
        now: Millis,
    ) -> Result<Vec<Lease>, DbError> {
        Ok(on_db!(&self.db, pool => sqlx::query_as(LIVE)
            .bind(project.as_str()).bind(repo.as_str()).bind(now).fetch_all(pool).await)?)
    }

    /// Takes a lease, or extends the agent's own, unless another agent holds one on the path, above or below it.
    pub async fn acquire(&self, wanted: NewLease, now: Millis) -> Result<Acquired, DbError> {
        self.db
            .write(move |tx| Box::pin(acquire(tx, wanted, now)))
            .await
    }

    /// Ends the agent's lease of exactly this path. False when it holds none.
    pub async fn release(
        &self,
        scope: &Scope,
        repo: &RepoName,
        path: &RelPath,
    ) -> Result<bool, DbError> {
        let (scope, repo, path) = (scope.clone(), repo.clone(), path.to_string());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "delete from fs_lease \
                               where project_id = $1 and agent_id = $2 and repo = $3 and path = $4";
                    let ended = on_tx!(tx, c => sqlx::query(sql)
                        .bind(scope.project.as_str()).bind(scope.agent.as_str()).bind(repo.as_str()).bind(path)
                        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok(ended > 0)
                })
            })
            .await
    }
}

async fn acquire(mut tx: Tx<'_>, wanted: NewLease, now: Millis) -> Result<Acquired, DbError> {
    let NewLease {
        scope,
        repo,
        path,
        purpose,
        expires_ms,
    } = wanted;
    // Overlapping paths are no equal keys: on PostgreSQL only one at a time may look and take.
    if let Tx::Postgres(c) = &mut tx {
        sqlx::query("lock table fs_lease in share row exclusive mode")
            .execute(&mut **c)
            .await?;
    }
    let (project, agent) = (scope.project.as_str(), scope.agent.as_str());
    let expired = "delete from fs_lease where project_id = $1 and repo = $2 and expires_ms <= $3";
    on_tx!(tx, c => sqlx::query(expired).bind(project).bind(repo.as_str()).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    let live: Vec<Lease> = on_tx!(tx, c => sqlx::query_as(LIVE).bind(project).bind(repo.as_str()).bind(now)
        .fetch_all(&mut **c).await)?;
    let path_text = path.to_string();
    let others = |lease: &&Lease| lease.holder != agent && lease.covers(&path);
    if let Some(held) = live.iter().find(others) {
        return Ok(Acquired::Held(held.clone()));
    }
    let own = live.iter().filter(|lease| lease.holder == agent);
    let is_new = |lease: &&Lease| lease.path != path_text;
    if own.filter(is_new).count() >= MOST_LEASES {
        return Ok(Acquired::TooMany);
    }
    let sql = "insert into fs_lease (project_id, repo, path, agent_id, purpose, expires_ms) \
               values ($1, $2, $3, $4, $5, $6) on conflict (project_id, repo, path) do update \
               set purpose = coalesce(excluded.purpose, fs_lease.purpose), expires_ms = excluded.expires_ms \
               returning path, agent_id, purpose, expires_ms";
    let taken = on_tx!(tx, c => sqlx::query_as(sql).bind(project).bind(repo.as_str()).bind(&path_text).bind(agent)
        .bind(&purpose).bind(expires_ms).fetch_one(&mut **c).await)?;
    Ok(Acquired::Taken(taken))
}
