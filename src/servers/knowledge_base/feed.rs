//! What every follower of the outbox waits for: the number of its last entry.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::store::KnowledgeStore;
use crate::tool::{Tasks, ToolError};

/// How soon changes made by another hub on the same database are seen.
const SHARED: Duration = Duration::from_millis(200);
/// On a database of its own a hub knows of each change, but for one whose call went away while it was committed.
const ALONE: Duration = Duration::from_secs(1);

/// The outbox's end, followed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    last: watch::Receiver<i64>,
    wake: Arc<Notify>,
}

impl Feed {
    /// Starts to follow.
    pub async fn start(store: KnowledgeStore, tasks: &Tasks) -> Result<Self, ToolError> {
        let (report, last) = watch::channel(store.last_seq().await?);
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        let patience = if store.is_alone() { ALONE } else { SHARED };
        tasks.spawn("knowledge-feed", |stop| async move {
            let follow = async {
                loop {
                    tokio::time::timeout(patience, woken.notified()).await.ok();
                    match store.last_seq().await {
                        Ok(seq) => {
                            report.send_if_modified(|last| std::mem::replace(last, seq) != seq);
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the knowledge base's changes could not be read");
                        }
                    }
                }
            };
            stop.run_until_cancelled(follow).await;
        });
        Ok(Self { last, wake })
    }

    /// Says that there is something in the outbox.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until there are entries after `seq`. Never, once the hub stops.
    pub async fn after(&self, seq: i64) {
        let mut last = self.last.clone();
        if last.wait_for(|last| *last > seq).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
