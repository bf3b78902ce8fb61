//! The log's writer: reading calls and endings are gathered and written together.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{AuditConfig, Entry, Query, Record, store};
use crate::{
    base::clock::{Clock, Millis},
    db::{Db, DbError},
};

/// Entries waiting. Past it callers wait: an audit that forgets under load is none.
const QUEUE: usize = 8192;
/// Entries in one statement.
const BATCH: usize = 256;
/// How long an entry may wait for company.
const GATHER: Duration = Duration::from_millis(20);
/// Kept in memory while the database does not take them; past it the oldest go.
const BACKLOG: usize = 20_000;
/// PostgreSQL is shared: a started call younger than this may be running on another hub.
const MAY_STILL_RUN: Millis = 3_600_000;

enum Message {
    Put(Box<Entry>),
    Flush(oneshot::Sender<()>),
}

/// The audit log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    db: Db,
    queue: mpsc::Sender<Message>,
    keep_arguments: bool,
}

impl Audit {
    /// Opens the log: settles what a dead hub left, prunes what is too old, starts the writer.
    pub async fn open(db: Db, clock: &Clock, config: &AuditConfig) -> Result<Self, DbError> {
        let now = clock.now();
        let dead_before = match db {
            Db::Sqlite(_) => now,
            Db::Postgres(_) => now - MAY_STILL_RUN,
        };
        store::abort_unsettled(&db, dead_before).await?;
        if config.retention_days > 0 {
            store::prune(&db, now - i64::from(config.retention_days) * 86_400_000).await?;
        }
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(run(db.clone(), inbox));
        Ok(Self {
            db,
            queue,
            keep_arguments: config.arguments,
        })
    }

    /// Whether entries shall carry arguments.
    pub fn keeps_arguments(&self) -> bool {
        self.keep_arguments
    }

    /// Has `entry` on disk when it returns.
    pub async fn write_now(&self, entry: Entry) -> Result<(), DbError> {
        store::put(&self.db, vec![entry]).await
    }

    /// Hands `entry` to the writer; waits only while the queue is full.
    pub async fn write(&self, entry: Entry) {
        if self
            .queue
            .send(Message::Put(Box::new(entry)))
            .await
            .is_err()
        {
            tracing::error!("the audit writer has stopped");
        }
    }

    /// Like [`Audit::write`], from where nothing can be awaited.
    pub fn write_from_drop(&self, entry: Entry) {
        if let Err(mpsc::error::TrySendError::Full(message)) =
            self.queue.try_send(Message::Put(Box::new(entry)))
        {
            let queue = self.queue.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { queue.send(message).await });
            }
        }
    }

    /// Returns once everything handed over before is on disk.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _stopped = flushed.await;
        }
    }

    /// Entries from the newest on, those handed over before included.
    pub async fn find(
        &self,
        query: &Query,
        before: Option<&(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<Record>, DbError> {
        self.flush().await;
        store::find(&self.db, query, before, limit).await
    }
}

async fn run(db: Db, mut inbox: mpsc::Receiver<Message>) {
    let mut pending: Vec<Entry> = Vec::new();
    let mut waiting = Vec::new();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let got = if pending.is_empty() {
            inbox.recv_many(&mut batch, BATCH).await
        } else {
            // The last write failed: try again soon, also when nothing new comes.
            tokio::time::timeout(Duration::from_secs(1), inbox.recv_many(&mut batch, BATCH))
                .await
                .unwrap_or(1)
        };
        if got == 0 {
            return;
        }
        // A flush is urgent; otherwise wait a little for company.
        if !batch.iter().any(|m| matches!(m, Message::Flush(_))) && batch.len() < BATCH {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(more) = inbox.try_recv()
            {
                batch.push(more);
            }
        }
        for message in batch.drain(..) {
            match message {
                Message::Put(entry) => pending.push(*entry),
                Message::Flush(done) => waiting.push(done),
            }
        }
        write(&db, &mut pending).await;
        for done in waiting.drain(..) {
            let _gone = done.send(());
        }
    }
}

/// Writes `pending`, a statement's worth at a time; keeps what the database did not take.
async fn write(db: &Db, pending: &mut Vec<Entry>) {
    while !pending.is_empty() {
        let chunk: Vec<Entry> = pending.iter().take(BATCH).cloned().collect();
        let taken = chunk.len();
        if let Err(error) = store::put(db, chunk).await {
            tracing::error!(%error, entries = pending.len(), "audit entries could not be written; they are kept");
            if let Some(excess) = pending.len().checked_sub(BACKLOG) {
                pending.drain(..excess);
                tracing::error!(
                    lost = excess,
                    "audit backlog is full: the oldest entries are lost"
                );
            }
            return;
        }
        pending.drain(..taken);
    }
}
