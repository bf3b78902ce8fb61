//! Idempotency keys: stored in the transaction of the work they guard.

use crate::{
    base::clock::Millis,
    db::Tx,
    on_tx,
    project::Scope,
    servers::issues::{engine::token, model::Once},
    tool::ToolError,
};

/// Takes the key. `Some` is the answer that was given before; `None` means the work is to be done and ended with
/// [`finish`]. A twin call that runs now is waited for.
pub async fn begin(
    tx: &mut Tx<'_>,
    scope: &Scope,
    tool: &str,
    once: Option<&Once>,
    now: Millis,
) -> Result<Option<String>, ToolError> {
    let Some(once) = once else {
        return Ok(None);
    };
    let key = token::hash(&once.key);
    let (project, agent) = (scope.project.as_str(), scope.agent.as_str());
    let take = "insert into issue_idempotency (project_id, agent_id, tool, key_hash, body_hash, answer, created_ms) \
                values ($1, $2, $3, $4, $5, '', $6) on conflict (project_id, agent_id, tool, key_hash) do nothing";
    let taken = on_tx!(*tx, c => sqlx::query(take).bind(project).bind(agent).bind(tool).bind(&key)
        .bind(&once.body_hash).bind(now).execute(&mut **c).await.map(|done| done.rows_affected()))?;
    if taken == 1 {
        return Ok(None);
    }
    let known = "select body_hash, answer from issue_idempotency \
                 where project_id = $1 and agent_id = $2 and tool = $3 and key_hash = $4";
    let (body_hash, answer): (String, String) = on_tx!(*tx, c => sqlx::query_as(known).bind(project).bind(agent)
        .bind(tool).bind(&key).fetch_one(&mut **c).await)?;
    if body_hash != once.body_hash {
        return Err(ToolError::invalid(
            "/idempotency_key",
            "was used with other arguments: repeat the call exactly as it was, or choose a new key",
        ));
    }
    Ok(Some(answer))
}

/// Keeps the answer for the calls that repeat the key.
pub async fn finish(
    tx: &mut Tx<'_>,
    scope: &Scope,
    tool: &str,
    once: Option<&Once>,
    answer: &str,
) -> Result<(), ToolError> {
    let Some(once) = once else {
        return Ok(());
    };
    let sql = "update issue_idempotency set answer = $5 \
               where project_id = $1 and agent_id = $2 and tool = $3 and key_hash = $4";
    on_tx!(*tx, c => sqlx::query(sql).bind(scope.project.as_str()).bind(scope.agent.as_str()).bind(tool)
        .bind(token::hash(&once.key)).bind(answer).execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}
