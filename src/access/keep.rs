//! Upkeep: what is over is deleted.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{IdempotencyKeys, limit_store};
use crate::db::Db;

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// Deletes idempotency keys that have expired, and rates that hold nobody up any more, until `stop` is cancelled.
pub async fn keep(db: Db, keys: Arc<IdempotencyKeys>, stop: CancellationToken) {
    loop {
        let done = match keys.expire().await {
            Ok(()) => limit_store::prune(&db).await,
            failed => failed,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "could not delete idempotency keys and rates that are over");
        }
        let wait = tokio::time::sleep(EVERY);
        if stop.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}
