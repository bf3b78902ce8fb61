//! The vectors of the generation that serves, in memory: read page by page at the start, kept up with by the outbox.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    servers::knowledge_base::{
        engine::vectors::Vectors,
        feed::Feed,
        store::{Generation, KnowledgeStore},
    },
    tool::{Tasks, ToolError},
};

/// Documents that are read together.
const PAGE: u32 = 200;
/// And chunks, if there are that many documents: bounds the memory that reading them takes.
const CHUNKS: usize = 2_000;
/// Before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// One generation's vectors.
pub struct Arrays {
    /// The generation.
    pub generation: i64,
    /// What its vectors are kept under.
    pub model: String,
    /// The vectors.
    pub vectors: Arc<Vectors>,
    /// The last outbox entry in them; `None` until all were read.
    at: watch::Receiver<Option<i64>>,
    stop: CancellationToken,
}

/// Whoever lets go of it last ends its task.
impl Drop for Arrays {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Arrays {
    /// Starts to read the vectors of `generation`.
    pub fn start(
        generation: &Generation,
        store: KnowledgeStore,
        feed: Feed,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let vectors = Arc::new(Vectors::new(
            usize::try_from(generation.dimensions).unwrap_or(0),
        ));
        let (report, at) = watch::channel(None);
        let stop = CancellationToken::new();
        let arrays = Arc::new(Self {
            generation: generation.id,
            model: generation.model.clone(),
            vectors: Arc::clone(&vectors),
            at,
            stop: stop.clone(),
        });
        let task = Task {
            store,
            feed,
            model: generation.model.clone(),
            vectors,
        };
        tasks.spawn("knowledge-vectors", |hub| async move {
            tokio::select! {
                () = hub.cancelled() => {}
                () = stop.cancelled() => {}
                () = task.run(report) => {}
            }
        });
        arrays
    }

    /// Whether all vectors are in it.
    pub fn is_ready(&self) -> bool {
        self.at.borrow().is_some()
    }

    /// The last outbox entry in it, once it is ready.
    pub fn at(&self) -> Option<i64> {
        *self.at.borrow()
    }

    /// Waits until all vectors are in it.
    pub async fn ready(&self) {
        let mut at = self.at.clone();
        let _ended = at.wait_for(Option::is_some).await;
    }
}

struct Task {
    store: KnowledgeStore,
    feed: Feed,
    model: String,
    vectors: Arc<Vectors>,
}

impl Task {
    async fn run(self, report: watch::Sender<Option<i64>>) {
        let mut at = None;
        loop {
            let step = match at {
                None => self.fill().await,
                Some(seq) => {
                    self.feed.after(seq).await;
                    self.follow(seq).await
                }
            };
            match step {
                Ok(seq) => {
                    at = Some(seq);
                    report.send_replace(at);
                }
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.source, "vectors could not be read: trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Reads everything; the outbox entry from which to go on.
    async fn fill(&self) -> Result<i64, ToolError> {
        let seq = self.store.last_seq().await?;
        let mut after = String::new();
        loop {
            let ids = self.store.live_after(&after, PAGE).await?;
            let Some(last) = ids.last() else {
                tracing::debug!(
                    vectors = self.vectors.len(),
                    model = self.model,
                    "vectors read"
                );
                return Ok(seq);
            };
            after.clone_from(last);
            self.refresh(ids).await?;
        }
    }

    async fn follow(&self, seq: i64) -> Result<i64, ToolError> {
        let entries = self.store.outbox(seq, PAGE).await?;
        let last = entries.last().map_or(seq, |entry| entry.seq);
        let mut seen = HashSet::new();
        let ids = entries.into_iter().map(|entry| entry.document_id);
        self.refresh(ids.filter(|id| seen.insert(id.clone())).collect())
            .await?;
        Ok(last)
    }

    /// Takes in what documents are now, whatever happened to them.
    async fn refresh(&self, mut ids: Vec<String>) -> Result<(), ToolError> {
        while !ids.is_empty() {
            let held = self.store.vectors(&self.model, &ids, CHUNKS).await?;
            let rest = ids.split_off(held.len().min(ids.len()));
            let page = std::mem::replace(&mut ids, rest);
            let vectors = Arc::clone(&self.vectors);
            let put = move || {
                for (id, held) in page.iter().zip(held) {
                    match held {
                        Some((facts, rows)) => vectors.put(facts, rows),
                        None => vectors.remove(id),
                    }
                }
            };
            let put = tokio::task::spawn_blocking(put);
            put.await.map_err(ToolError::internal)?;
        }
        Ok(())
    }
}
