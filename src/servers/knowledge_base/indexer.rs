//! The one task that writes the index. It follows the outbox: each batch is one commit that carries the last entry's
//! number, so that after a crash it goes on exactly where the index stands.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    engine::lexical::{Change, LexicalIndex, Opened, Payload, SCHEMA_VERSION},
    store::KnowledgeStore,
};
use crate::tool::{Tasks, ToolError};

/// Outbox entries in one commit.
const BATCH: u32 = 500;
/// Text in one commit, in bytes: bounds the memory of a batch.
const BATCH_BYTES: usize = 8 << 20;
/// A commit costs about 15 ms whatever is in it: changes that come within this time share one.
const PAUSE: Duration = Duration::from_millis(40);
/// How soon changes made by another process on the same database are seen.
const POLL: Duration = Duration::from_secs(1);
/// Before a failed batch is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last outbox entry in it.
    pub seq: i64,
    /// False while it is being rebuilt.
    pub ready: bool,
}

/// The index and its writing task.
pub struct Indexer {
    index: Arc<LexicalIndex>,
    wake: Arc<Notify>,
    progress: watch::Receiver<Progress>,
}

impl std::fmt::Debug for Indexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexer").finish_non_exhaustive()
    }
}

impl Indexer {
    /// Opens the index in `dir` and starts the task. An index of another database or version, one that is ahead of the
    /// database, or one whose filling was cut short, is filled anew; searches wait meanwhile.
    pub async fn start(
        store: KnowledgeStore,
        dir: PathBuf,
        tasks: &Tasks,
    ) -> Result<Self, ToolError> {
        let database = store.database_id().await?;
        let last = store.last_seq().await?;
        let Opened { index, payload } = blocking(move || LexicalIndex::open(&dir)).await?;
        let from = payload
            .filter(|known| known.database == database && known.seq <= last)
            .map(|known| known.seq);
        let (report, progress) = watch::channel(Progress {
            seq: from.unwrap_or(0),
            ready: from.is_some(),
        });
        let index = Arc::new(index);
        let wake = Arc::new(Notify::new());
        let task = Task {
            store,
            index: Arc::clone(&index),
            wake: Arc::clone(&wake),
            report,
            database,
        };
        tasks.spawn("knowledge-index", |stop| task.run(from, stop));
        Ok(Self {
            index,
            wake,
            progress,
        })
    }

    /// The index, for searches.
    pub fn index(&self) -> &Arc<LexicalIndex> {
        &self.index
    }

    /// How far it is now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Says that there is something in the outbox.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits at most `patience` until the index is ready and holds outbox entry `seq`; whether it does.
    pub async fn reach(&self, seq: i64, patience: Duration) -> bool {
        let mut progress = self.progress.clone();
        let there = progress.wait_for(|now| now.ready && now.seq >= seq);
        matches!(tokio::time::timeout(patience, there).await, Ok(Ok(_)))
    }
}

struct Task {
    store: KnowledgeStore,
    index: Arc<LexicalIndex>,
    wake: Arc<Notify>,
    report: watch::Sender<Progress>,
    database: i64,
}

impl Task {
    async fn run(self, from: Option<i64>, stop: CancellationToken) {
        // Between awaits of the work below the index is consistent: it may be left at any of them.
        let work = async {
            let mut at = match from {
                Some(seq) => seq,
                None => self.rebuilt().await,
            };
            loop {
                let started = Instant::now();
                match self.drain(at).await {
                    Ok(seq) => at = seq,
                    Err(error) => {
                        tracing::warn!(%error, cause = ?error.source, "the knowledge index fell behind: trying again");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
                tokio::time::timeout(POLL, self.wake.notified()).await.ok();
                tokio::time::sleep_until(started + PAUSE).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    /// Brings everything after outbox entry `at` into the index; the last entry that is in it then.
    async fn drain(&self, mut at: i64) -> Result<i64, ToolError> {
        loop {
            let entries = self.store.outbox(at, BATCH).await?;
            if entries.is_empty() {
                return Ok(at);
            }
            let mut batch = Batch::default();
            let mut seen = HashSet::new();
            for (seq, document) in entries {
                // A change is what the document is now: its later entries in the batch say the same.
                if seen.insert(document.clone()) {
                    batch.add(self.store.change(&document).await?);
                }
                at = seq;
                if batch.bytes >= BATCH_BYTES {
                    break;
                }
            }
            self.apply(batch, Some(at)).await?;
            self.report.send_replace(Progress {
                seq: at,
                ready: true,
            });
        }
    }

    /// Fills the index anew, until it succeeds; the outbox entry it stands at then.
    async fn rebuilt(&self) -> i64 {
        loop {
            match self.rebuild().await {
                Ok(seq) => return seq,
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.source, "rebuilding the knowledge index failed: trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn rebuild(&self) -> Result<i64, ToolError> {
        // Read first: what is written while documents are read comes again by the outbox.
        let seq = self.store.last_seq().await?;
        let index = Arc::clone(&self.index);
        blocking(move || index.clear()).await?;
        let mut after = String::new();
        let mut documents = 0_usize;
        loop {
            let ids = self.store.live_after(&after, BATCH).await?;
            let Some(last) = ids.last() else {
                break;
            };
            after.clone_from(last);
            documents += ids.len();
            let mut batch = Batch::default();
            for id in &ids {
                batch.add(self.store.change(id).await?);
                if batch.bytes >= BATCH_BYTES {
                    self.apply(std::mem::take(&mut batch), None).await?;
                }
            }
            self.apply(batch, None).await?;
        }
        self.apply(Batch::default(), Some(seq)).await?;
        self.report.send_replace(Progress { seq, ready: true });
        tracing::info!(documents, "knowledge index rebuilt");
        Ok(seq)
    }

    async fn apply(&self, batch: Batch, seq: Option<i64>) -> Result<(), ToolError> {
        let index = Arc::clone(&self.index);
        let payload = seq.map(|seq| Payload {
            schema: SCHEMA_VERSION,
            database: self.database,
            seq,
        });
        blocking(move || index.apply(batch.changes, payload)).await
    }
}

#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, change: Change) {
        if let Change::Put(put) = &change {
            self.bytes += put
                .entries
                .iter()
                .map(|entry| entry.text.len())
                .sum::<usize>();
        }
        self.changes.push(change);
    }
}

/// Runs index work on a thread that may block.
async fn blocking<R: Send + 'static, E: std::error::Error + Send + Sync + 'static>(
    work: impl FnOnce() -> Result<R, E> + Send + 'static,
) -> Result<R, ToolError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ToolError::internal)?
        .map_err(ToolError::internal)
}

#[cfg(test)]
mod tests;
