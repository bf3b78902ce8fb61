//! The lexical index and the one task that writes it. It follows the outbox: each batch is one commit that carries the last
//! entry's number, so that after a crash it goes on exactly where the index stands. An index that cannot be gone on with is
//! filled anew in another directory, and takes the place of the old one once it is complete.

mod batch;
mod fill;
mod follow;
mod shelf;

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::{
    engine::lexical::{LexicalIndex, Payload, SCHEMA_VERSION},
    feed::Feed,
    store::KnowledgeStore,
};
use crate::tool::{Tasks, ToolError};
use follow::Task;
use shelf::Shelf;

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last outbox entry in it.
    pub seq: i64,
    /// False while there is no complete index.
    pub ready: bool,
    /// The number of its directory: higher for each time that it was filled anew.
    pub generation: u64,
    /// Documents in the one that is being filled, if one is.
    pub filling: Option<u64>,
}

/// The index that serves; another takes its place when it has been filled anew.
type Serving = Arc<RwLock<Arc<LexicalIndex>>>;

/// The index and its writing task.
pub struct Indexer {
    serving: Serving,
    feed: Feed,
    progress: watch::Receiver<Progress>,
    refill: mpsc::Sender<()>,
}

impl std::fmt::Debug for Indexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexer").finish_non_exhaustive()
    }
}

impl Indexer {
    /// Opens the index in `root` and starts the task. An index of another database or version, one that is ahead of the
    /// database (which was restored from a backup) or so far behind that the outbox does not reach back to it, is filled
    /// anew: the last one still serves meanwhile, and where none can, searches wait.
    pub async fn start(
        store: KnowledgeStore,
        feed: Feed,
        root: PathBuf,
        tasks: &Tasks,
    ) -> Result<Self, ToolError> {
        let database = store.database_id().await?;
        let fits = move |payload: &Payload| {
            payload.schema == SCHEMA_VERSION && payload.database == database
        };
        let (shelf, found) = blocking(move || {
            let shelf = Shelf::open(root)?;
            let Some(number) = shelf.current() else {
                return Ok::<_, Error>((shelf, None));
            };
            let opened = LexicalIndex::read(&shelf.dir(number)).ok().flatten();
            let found = opened.and_then(|opened| {
                let payload = opened.payload.filter(fits)?;
                Some((number, opened.index, payload))
            });
            Ok((shelf, found))
        })
        .await?;
        let (last, pruned) = (store.last_seq().await?, store.pruned_seq().await?);
        let found = match found {
            // What it stands at is no entry of this database, or another one by now: it was restored from a backup.
            Some((.., payload)) if payload.seq > last => None,
            Some((.., payload)) if payload.seq <= pruned && payload.seq > 0 => found,
            Some((.., payload)) => {
                let written = store.written(payload.seq).await?;
                found.filter(|_| written == Some(payload.written_ms))
            }
            None => None,
        };
        let at = found.as_ref().map(|(.., payload)| payload.seq);
        let (shelf, number, index) = blocking(move || {
            if let Some((number, index, _)) = found {
                shelf.sweep(number)?;
                return Ok::<_, Error>((shelf, number, index));
            }
            let number = shelf.next()?;
            let opened = LexicalIndex::open(&shelf.dir(number))?;
            Ok((shelf, number, opened.index))
        })
        .await?;
        let (report, progress) = watch::channel(Progress {
            seq: at.unwrap_or(0),
            ready: at.is_some(),
            generation: number,
            filling: None,
        });
        let index = Arc::new(index);
        let serving: Serving = Arc::new(RwLock::new(Arc::clone(&index)));
        let (refill, asked) = mpsc::channel(1);
        let task = Task {
            store,
            feed: feed.clone(),
            shelf,
            database,
            serving: Arc::clone(&serving),
            report,
            asked,
        };
        // An index that missed entries is as good as it was, but cannot be gone on with.
        let start = match at {
            Some(at) if at > pruned || pruned == 0 => follow::Start::At(at),
            Some(_) => follow::Start::Stale,
            None => follow::Start::Empty(index, number),
        };
        tasks.spawn("knowledge-index", |stop| task.run(start, stop));
        Ok(Self {
            serving,
            feed,
            progress,
            refill,
        })
    }

    /// The index, for searches.
    pub fn index(&self) -> Arc<LexicalIndex> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How far it is now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Says that there is something in the outbox.
    pub fn wake(&self) {
        self.feed.wake();
    }

    /// Waits at most `patience` until the index is ready and holds outbox entry `seq`; whether it does.
    pub async fn reach(&self, seq: i64, patience: Duration) -> bool {
        let mut progress = self.progress.clone();
        let there = progress.wait_for(|now| now.ready && now.seq >= seq);
        matches!(tokio::time::timeout(patience, there).await, Ok(Ok(_)))
    }

    /// Has the index filled anew, beside the one that serves; one that is being filled goes on. Waits at most `patience`
    /// for its end; whether that came.
    pub async fn refill(&self, patience: Duration) -> bool {
        let mut progress = self.progress.clone();
        let before = progress.borrow_and_update().generation;
        let _asked_already = self.refill.try_send(());
        let replaced =
            progress.wait_for(|now| now.ready && now.generation > before && now.filling.is_none());
        matches!(tokio::time::timeout(patience, replaced).await, Ok(Ok(_)))
    }
}

/// Why the index cannot be worked on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Lexical(#[from] super::engine::lexical::LexicalError),
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
