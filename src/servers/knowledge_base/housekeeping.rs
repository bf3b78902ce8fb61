//! What is removed by itself: entries of the outbox that no index needs any more, and vectors that no search uses.

use std::time::Duration;

use super::store::KnowledgeStore;
use crate::{
    base::clock::Millis,
    tool::{Host, ToolError},
};

/// How long entries are kept: an index from an older backup is filled anew.
const KEPT_MS: Millis = 7 * 86_400_000;
/// How many are kept in any case.
const KEPT: i64 = 100_000;
/// Vectors that are looked at together, and the pause after them: searches and writes come first.
const PAGE: i64 = 500;
const PAUSE: Duration = Duration::from_millis(20);
const EVERY: Duration = Duration::from_secs(3_600);

/// Starts to do so now and every hour.
pub fn start(store: KnowledgeStore, host: &Host) {
    let clock = host.clock.clone();
    host.tasks
        .spawn("knowledge-housekeeping", |stop| async move {
            let work = async {
                loop {
                    let entries = store.prune_outbox(clock.now() - KEPT_MS, KEPT).await;
                    tell(entries, "old entries of the outbox");
                    tell(vectors(&store).await, "vectors that nothing uses");
                    tokio::time::sleep(EVERY).await;
                }
            };
            stop.run_until_cancelled(work).await;
        });
}

async fn vectors(store: &KnowledgeStore) -> Result<u64, ToolError> {
    let (mut after, mut removed) = (Some(Default::default()), 0);
    while let Some(from) = after {
        let (next, swept) = store.sweep_vectors(from, PAGE).await?;
        (after, removed) = (next, removed + swept);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(removed)
}

fn tell(done: Result<u64, ToolError>, what: &str) {
    match done {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed from the knowledge base: {what}"),
        Err(error) => {
            tracing::warn!(%error, cause = ?error.source, "not removed from the knowledge base: {what}");
        }
    }
}
