//! Statements that several writes share. They run inside the caller's transaction.

use crate::{
    base::clock::Millis,
    db::Tx,
    on_tx,
    project::Scope,
    servers::issues::{engine::change::Change, store::IssueRow},
    tool::ToolError,
};

/// Takes the next `count` values of a counter and answers the last of them. The row stays locked until the commit, so
/// values are seen in order and a rollback gives them back.
pub async fn take(
    tx: &mut Tx<'_>,
    project: &str,
    name: &str,
    count: i64,
) -> Result<i64, ToolError> {
    let sql = "insert into issue_counter (project_id, name, value) values ($1, $2, $3) \
               on conflict (project_id, name) do update set value = issue_counter.value + excluded.value \
               returning value";
    let value: i64 = on_tx!(*tx, c => sqlx::query_scalar(sql).bind(project).bind(name).bind(count)
        .fetch_one(&mut **c).await)?;
    Ok(value)
}

/// Whose issue changed, and who changed it when.
pub struct Author<'a> {
    pub scope: &'a Scope,
    pub now: Millis,
}

/// Adds `changes` to the history of an issue.
pub async fn record(
    tx: &mut Tx<'_>,
    author: &Author<'_>,
    issue: (&str, i64),
    changes: &[Change],
) -> Result<(), ToolError> {
    if changes.is_empty() {
        return Ok(());
    }
    let project = author.scope.project.as_str();
    let count = changes.len() as i64;
    let first = take(tx, project, "event", count).await? - count + 1;
    let sql = "insert into issue_event (project_id, seq, issue_id, number, agent_id, field, old, new, at_ms) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    for (seq, change) in (first..).zip(changes) {
        on_tx!(*tx, c => sqlx::query(sql).bind(project).bind(seq).bind(issue.0).bind(issue.1)
            .bind(author.scope.agent.as_str()).bind(change.field).bind(change.old.as_deref())
            .bind(change.new.as_deref()).bind(author.now).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}

/// The issue, locked until the commit: a write of nothing is the `select … for update` that both databases know.
pub async fn lock(
    tx: &mut Tx<'_>,
    project: &str,
    number: i64,
) -> Result<Option<IssueRow>, ToolError> {
    let sql = "update issue set version = version where project_id = $1 and number = $2 \
               returning *";
    let row = on_tx!(*tx, c => sqlx::query_as(sql).bind(project).bind(number).fetch_optional(&mut **c).await)?;
    Ok(row)
}

/// What a missing issue answers; a foreign one answers the same.
pub fn no_issue(number: i64) -> ToolError {
    ToolError::not_found("issue", number).hint("list_issues shows this project's issues")
}
