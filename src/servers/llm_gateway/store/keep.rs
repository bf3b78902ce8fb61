//! Requests that outlived their process, and those that are too old to keep.

use std::time::Duration;

use tokio::sync::watch;

use super::{Store, hours};
use crate::{
    base::clock::{Clock, Millis},
    db::DbError,
    on_tx,
    tool::Host,
};

/// A day in milliseconds.
const DAY: Millis = 86_400_000;
/// Requests removed in one transaction: others wait no longer than for these.
const BATCH: i64 = 500;

impl Store {
    /// Requests of other processes that started before `before` and never ended become aborted.
    pub async fn abort(&self, owner: &str, before: Millis) -> Result<u64, DbError> {
        let owner = owner.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update llm_request set status = 'aborted' \
                               where status = 'started' and owner <> $1 and started_ms < $2 returning id";
                    let ids: Vec<String> = on_tx!(tx, c => sqlx::query_scalar(sql)
                        .bind(&owner)
                        .bind(before)
                        .fetch_all(&mut **c)
                        .await)?;
                    hours::count(&mut tx, &ids, 1).await?;
                    Ok(ids.len() as u64)
                })
            })
            .await
    }

    /// Removes requests that started before `before` with all that belongs to them, and budgets' windows that ended before; the
    /// sums by the hour stay. Answers with how many requests there were.
    pub async fn prune(&self, before: Millis) -> Result<u64, DbError> {
        let mut removed = 0;
        loop {
            let batch = self
                .db
                .write(move |mut tx| {
                    Box::pin(async move {
                        let sql = "delete from llm_request where id in \
                                   (select id from llm_request where started_ms < $1 and status <> 'started' limit $2)";
                        let rows = on_tx!(tx, c => sqlx::query(sql).bind(before).bind(BATCH)
                            .execute(&mut **c).await.map(|done| done.rows_affected()))?;
                        let sql = "delete from llm_budget_window where end_ms < $1";
                        on_tx!(tx, c => sqlx::query(sql).bind(before).execute(&mut **c).await.map(|_| ()))?;
                        Ok::<u64, DbError>(rows)
                    })
                })
                .await?;
            removed += batch;
            if batch == 0 {
                return Ok(removed);
            }
        }
    }

    /// Keeps requests for `days`, 0 for ever: what is older is removed now, once a day, and when the number changes.
    pub fn keep_for(&self, mut days: watch::Receiver<u32>, host: &Host) {
        let (store, clock): (Self, Clock) = (self.clone(), host.clock.clone());
        host.tasks.spawn("llm request log", move |stop| async move {
            let keeping = async {
                loop {
                    let kept = *days.borrow_and_update();
                    if kept > 0 {
                        store.remove_after(kept, clock.now()).await;
                    }
                    let day = Duration::from_secs(86_400);
                    if let Ok(Err(_gone)) = tokio::time::timeout(day, days.changed()).await {
                        return;
                    }
                }
            };
            stop.run_until_cancelled(keeping).await;
        });
    }

    async fn remove_after(&self, days: u32, now: Millis) {
        match self.prune(now - Millis::from(days) * DAY).await {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(removed, days, "old requests to models were removed");
            }
            Err(error) => {
                tracing::warn!(%error, "old requests to models could not be removed");
            }
        }
    }
}
