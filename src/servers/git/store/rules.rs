//! Rules of protected branches.

use super::{GitStore, RepoKey};
use crate::{base::clock::Millis, on_db, on_tx, servers::git::model::Rule, tool::ToolError};

impl GitStore {
    /// The rules of a repository, by pattern.
    pub async fn rules(&self, key: &RepoKey) -> Result<Vec<Rule>, ToolError> {
        let sql = "select pattern, approvals, checks from git_branch_rule where project_id = $1 and repo = $2 order by pattern";
        let rows: Vec<(String, i64, String)> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str())
            .bind(key.repo.as_str()).fetch_all(pool).await)?;
        let rule = |(pattern, approvals, checks): (String, i64, String)| {
            Ok(Rule {
                pattern,
                approvals: u32::try_from(approvals).map_err(ToolError::internal)?,
                checks: serde_json::from_str(&checks).map_err(ToolError::internal)?,
            })
        };
        rows.into_iter().map(rule).collect()
    }

    /// Sets the rule of a pattern.
    pub async fn set_rule(
        &self,
        key: &RepoKey,
        rule: Rule,
        by: &str,
        now: Millis,
    ) -> Result<(), ToolError> {
        let (key, by) = (key.clone(), by.to_owned());
        let checks = serde_json::to_string(&rule.checks).map_err(ToolError::internal)?;
        let sql = "insert into git_branch_rule (project_id, repo, pattern, approvals, checks, updated_by, updated_ms) \
                   values ($1, $2, $3, $4, $5, $6, $7) on conflict (project_id, repo, pattern) do update set \
                   approvals = excluded.approvals, checks = excluded.checks, updated_by = excluded.updated_by, \
                   updated_ms = excluded.updated_ms";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(&rule.pattern)
                        .bind(i64::from(rule.approvals)).bind(&checks).bind(&by).bind(now).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Removes the rule of a pattern; whether there was one.
    pub async fn remove_rule(&self, key: &RepoKey, pattern: &str) -> Result<bool, ToolError> {
        let (key, pattern) = (key.clone(), pattern.to_owned());
        let sql =
            "delete from git_branch_rule where project_id = $1 and repo = $2 and pattern = $3";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str())
                        .bind(&pattern).execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }
}
