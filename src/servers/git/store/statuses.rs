//! What checks say of commits.

use super::{GitStore, RepoKey, strange};
use crate::{base::clock::Millis, on_db, on_tx, servers::git::model::CheckState, tool::ToolError};

/// What a check says of a commit.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatusRow {
    /// The check's name.
    pub context: String,
    state: String,
    /// A line about it.
    pub description: String,
    /// Who said so.
    pub reported_by: String,
    /// When, in milliseconds since the Unix epoch.
    pub updated_ms: Millis,
}

impl StatusRow {
    /// Its word.
    pub fn state(&self) -> Result<CheckState, ToolError> {
        CheckState::from_word(&self.state)
            .ok_or_else(|| strange("git_commit_status.state", &self.state))
    }
}

impl GitStore {
    /// Notes what a check says of a commit, instead of what it said before.
    pub async fn set_status(
        &self,
        key: &RepoKey,
        commit: &str,
        (context, state, description): (&str, CheckState, &str),
        by: &str,
        now: Millis,
    ) -> Result<(), ToolError> {
        let sql = "insert into git_commit_status (project_id, repo, commit_id, context, state, description, reported_by, updated_ms) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (project_id, repo, commit_id, context) do update set \
                   state = excluded.state, description = excluded.description, reported_by = excluded.reported_by, \
                   updated_ms = excluded.updated_ms";
        let key = key.clone();
        let [commit, context, description, by] =
            [commit, context, description, by].map(str::to_owned);
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(&commit)
                        .bind(&context).bind(state.as_str()).bind(&description).bind(&by).bind(now)
                        .execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// What checks say of a commit, by their names.
    pub async fn statuses(&self, key: &RepoKey, commit: &str) -> Result<Vec<StatusRow>, ToolError> {
        let sql = "select context, state, description, reported_by, updated_ms from git_commit_status \
                   where project_id = $1 and repo = $2 and commit_id = $3 order by context";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(commit)
            .fetch_all(pool).await)?,
        )
    }
}
