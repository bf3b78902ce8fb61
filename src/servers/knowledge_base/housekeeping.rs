//! What is removed by itself: entries of the outbox that no index needs any more.

use std::time::Duration;

use super::store::KnowledgeStore;
use crate::{base::clock::Millis, tool::Host};

/// How long entries are kept: an index from an older backup is filled anew.
const KEPT_MS: Millis = 7 * 86_400_000;
/// How many are kept in any case.
const KEPT: i64 = 100_000;
const EVERY: Duration = Duration::from_secs(3_600);

/// Starts to do so now and every hour.
pub fn start(store: KnowledgeStore, host: &Host) {
    let clock = host.clock.clone();
    host.tasks.spawn("knowledge-housekeeping", |stop| async move {
        let work = async {
            loop {
                match store.prune_outbox(clock.now() - KEPT_MS, KEPT).await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "old entries of the knowledge base's outbox were removed"),
                    Err(error) => tracing::warn!(%error, "old entries of the knowledge base's outbox could not be removed"),
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(work).await;
    });
}
