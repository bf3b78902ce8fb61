//! Following the outbox.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Progress, Serving,
    batch::{BYTES, Batch},
    blocking,
    fill::{Filled, fill},
    shelf::Shelf,
};
use crate::{
    servers::knowledge_base::{
        engine::lexical::{Change, LexicalIndex, Payload, SCHEMA_VERSION},
        feed::Feed,
        store::{Entry, KnowledgeStore, Op},
    },
    tool::ToolError,
};

/// Outbox entries in one commit.
const BATCH: u32 = 500;
/// A commit costs about 15 ms whatever is in it: changes that come within this time share one.
const PAUSE: Duration = Duration::from_millis(40);
/// Before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where the task begins.
pub enum Start {
    /// The index that serves holds this outbox entry.
    At(i64),
    /// It missed entries that are no more.
    Stale,
    /// It is new, and in this directory.
    Empty(Arc<LexicalIndex>, u64),
}

/// The task.
pub struct Task {
    pub store: KnowledgeStore,
    pub feed: Feed,
    pub shelf: Shelf,
    pub database: i64,
    pub serving: Serving,
    pub report: watch::Sender<Progress>,
    pub asked: mpsc::Receiver<()>,
}

type Filling<'a> = Pin<Box<dyn Future<Output = Result<Filled, ToolError>> + Send + 'a>>;

impl Task {
    /// Works until it is stopped. Between awaits the index is consistent: it may be left at any of them.
    pub async fn run(mut self, start: Start, stop: CancellationToken) {
        let mut asked = std::mem::replace(&mut self.asked, mpsc::channel(1).1);
        let work = async {
            let (mut at, mut filling) = match start {
                Start::At(seq) => (Some(seq), None),
                Start::Stale => (None, Some(self.filling(None))),
                Start::Empty(index, number) => (None, Some(self.filling(Some((index, number))))),
            };
            loop {
                let started = Instant::now();
                let index = self.index();
                if let Some(seq) = at {
                    match self.drain(&index, seq).await {
                        Ok(seq) => at = Some(seq),
                        Err(error) => {
                            tracing::warn!(%error, cause = ?error.source, "the knowledge index fell behind: trying again");
                            tokio::time::sleep(RETRY).await;
                            continue;
                        }
                    }
                }
                tokio::select! {
                    filled = running(&mut filling) => {
                        filling = None;
                        match self.replace(filled).await {
                            Ok(seq) => at = Some(seq),
                            Err(error) => {
                                tracing::warn!(%error, cause = ?error.source, "filling the knowledge index anew failed: trying again");
                                tokio::time::sleep(RETRY).await;
                                filling = Some(self.filling(None));
                            }
                        }
                    }
                    Some(()) = asked.recv() => if filling.is_none() {
                        filling = Some(self.filling(None));
                    },
                    () = self.feed.after(at.unwrap_or(i64::MAX)) => {
                        tokio::time::sleep_until(started + PAUSE).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    fn index(&self) -> Arc<LexicalIndex> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn filling(&self, into: Option<(Arc<LexicalIndex>, u64)>) -> Filling<'_> {
        let told = |documents| self.report.send_modify(|now| now.filling = Some(documents));
        Box::pin(fill(self.store.clone(), self.shelf.clone(), into, told))
    }

    /// Brings a new index up to now and lets it serve; the outbox entry it holds then.
    async fn replace(&self, filled: Result<Filled, ToolError>) -> Result<i64, ToolError> {
        let Filled { index, number, seq } = filled?;
        // The payload says that it is complete.
        Batch::default()
            .commit(&index, Some(self.payload(seq).await?))
            .await?;
        let seq = self.catch_up(&index, seq, |_| {}).await?;
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = index;
        let shelf = self.shelf.clone();
        blocking(move || shelf.serve(number)).await?;
        self.report.send_replace(Progress {
            seq,
            ready: true,
            generation: number,
            filling: None,
        });
        Ok(seq)
    }

    async fn payload(&self, seq: i64) -> Result<Payload, ToolError> {
        Ok(Payload {
            schema: SCHEMA_VERSION,
            database: self.database,
            seq,
            written_ms: self.store.written(seq).await?.unwrap_or(0),
        })
    }

    async fn drain(&self, index: &Arc<LexicalIndex>, at: i64) -> Result<i64, ToolError> {
        let told = |seq| self.report.send_modify(|now| now.seq = seq);
        self.catch_up(index, at, told).await
    }

    /// Brings everything after outbox entry `at` into `index`; the last entry that is in it then. `told` hears of each commit.
    async fn catch_up(
        &self,
        index: &Arc<LexicalIndex>,
        mut at: i64,
        told: impl Fn(i64) + Send,
    ) -> Result<i64, ToolError> {
        loop {
            let entries = self.store.outbox(at, BATCH).await?;
            let Some(first) = entries.first() else {
                return Ok(at);
            };
            at = if first.op == Op::Purge {
                self.erase(index, at, &entries).await?
            } else {
                self.take(index, at, entries).await?
            };
            told(at);
        }
    }

    /// Takes in documents up to the first that is to be erased.
    async fn take(
        &self,
        index: &Arc<LexicalIndex>,
        mut at: i64,
        entries: Vec<Entry>,
    ) -> Result<i64, ToolError> {
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        // Where each of `ids` was first named.
        let mut named = Vec::new();
        for entry in entries
            .into_iter()
            .take_while(|entry| entry.op != Op::Purge)
        {
            // A change is what the document is now: its later entries in the batch say the same.
            if entry.op == Op::Document && seen.insert(entry.document_id.clone()) {
                ids.push(entry.document_id);
                named.push(entry.seq);
            }
            at = entry.seq;
        }
        let mut batch = Batch::default();
        if !ids.is_empty() {
            let changes = self.store.changes(&ids, BYTES).await?;
            if let Some(next) = named.get(changes.len()) {
                at = next - 1;
            }
            batch.add(changes);
        }
        // What says nothing of words is passed over: to see it again after a restart costs nothing.
        if !batch.is_empty() {
            batch.commit(index, Some(self.payload(at).await?)).await?;
        }
        Ok(at)
    }

    /// Erases the documents that `entries` begins with. The index does not say that it is past them before no file holds
    /// them: after a crash it is done again.
    async fn erase(
        &self,
        index: &Arc<LexicalIndex>,
        at: i64,
        entries: &[Entry],
    ) -> Result<i64, ToolError> {
        let purges = || entries.iter().take_while(|entry| entry.op == Op::Purge);
        let documents: Vec<String> = purges().map(|entry| entry.document_id.clone()).collect();
        let mut batch = Batch::default();
        let remove = |document_id| Change::Remove { document_id };
        batch.add(documents.iter().cloned().map(remove));
        batch.commit(index, Some(self.payload(at).await?)).await?;
        let erasing = Arc::clone(index);
        blocking(move || erasing.erase(&documents)).await?;
        let seq = purges().map(|entry| entry.seq).last().unwrap_or(at);
        Batch::default()
            .commit(index, Some(self.payload(seq).await?))
            .await?;
        Ok(seq)
    }
}

/// The outcome of what is being filled; never, where nothing is.
async fn running(filling: &mut Option<Filling<'_>>) -> Result<Filled, ToolError> {
    match filling {
        Some(filling) => filling.await,
        None => std::future::pending().await,
    }
}
