//! Purging: after it nothing of a document is left, in no version and in no file.
//!
//! Rows go in one transaction. The index forgets the document in its next commit and merges every segment that held a word of
//! it before it says that it is past the purge ([`super::indexer`]); the vectors in memory go by the same entry of the outbox.
//! Then the database's files are written anew. A hub that dies in between goes on where it was.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{KnowledgeBase, model::Realm, store::KnowledgeStore};
use crate::{
    base::clock::Millis,
    tool::{Tasks, ToolError},
};

/// Before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What a purge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The documents that were there.
    pub ids: Vec<String>,
    /// Their erasure's place in the index's order; nothing when there were none.
    pub seq: Option<i64>,
    /// Whether this hub's files hold nothing of them any more. Otherwise that goes on in the background.
    pub erased: bool,
}

/// Removes what deleted rows leave in the database's files, when there was a purge.
#[derive(Debug)]
pub struct Scrubber {
    wake: Arc<Notify>,
    /// The last purge whose traces are gone.
    done: watch::Receiver<i64>,
}

impl Scrubber {
    /// Starts with what an earlier hub left to do.
    pub fn start(store: KnowledgeStore, tasks: &Tasks) -> Self {
        let (report, done) = watch::channel(0);
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        tasks.spawn("knowledge-scrub", |stop| async move {
            let work = async {
                loop {
                    // All purges that are committed by now share one pass.
                    let scrubbed = async {
                        let Some(seq) = store.unscrubbed().await? else {
                            return Ok(None);
                        };
                        store.scrub(seq).await?;
                        Ok::<_, ToolError>(Some(seq))
                    };
                    match scrubbed.await {
                        Ok(Some(seq)) => {
                            report.send_replace(seq);
                        }
                        Ok(None) => woken.notified().await,
                        Err(error) => {
                            tracing::warn!(%error, cause = ?error.source, "traces of what was purged are still in the database's files: trying again");
                            tokio::time::sleep(RETRY).await;
                        }
                    }
                }
            };
            stop.run_until_cancelled(work).await;
        });
        Self { wake, done }
    }

    /// Waits until the traces of the purge at `seq` are gone.
    async fn past(&self, seq: i64) -> bool {
        self.wake.notify_one();
        let mut done = self.done.clone();
        done.wait_for(|done| *done >= seq).await.is_ok()
    }
}

impl KnowledgeBase {
    /// Erases the documents of `realm` among `ids`, live or deleted before, and waits at most `patience` until nothing of them
    /// is in any file of this hub's.
    pub async fn purge(
        &self,
        realm: &Realm,
        ids: Vec<String>,
        now: Millis,
        patience: Duration,
    ) -> Result<Purged, ToolError> {
        let (ids, seq) = self.store.purge(realm, ids, now).await?;
        let Some(last) = seq else {
            return Ok(Purged {
                ids,
                seq,
                erased: true,
            });
        };
        self.embedding.forget_queries();
        self.indexer.wake();
        let gone = async {
            let (indexed, scrubbed) =
                tokio::join!(self.indexer.reach(last, patience), self.scrubber.past(last));
            indexed && scrubbed
        };
        let erased = tokio::time::timeout(patience, gone).await.unwrap_or(false);
        Ok(Purged { ids, seq, erased })
    }
}
