//! SQLite's one writer. Commands that arrive while a commit is under way share the next one (group commit), each inside
//! its own savepoint, so that one command's failure undoes that command alone. Nobody is answered before the commit.

use std::time::Instant;

use futures::future::BoxFuture;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{DbError, Tx, error::sqlx_is_full};

/// Commands waiting; past it callers wait to hand over.
const QUEUE: usize = 1024;
/// Most commands in one commit: bounds how long the first waits for the last.
const BATCH: usize = 128;
/// How often the log's end is tried, and the pause between.
const TRIES: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// What the commit did, told to every command in it.
type Committed<'a> = Result<(), &'a Failed>;

/// Runs inside the transaction, and is answered once the commit's outcome is known, whether its turn came or not.
trait Command: Send {
    /// Whether to keep its work.
    fn run<'t>(&'t mut self, tx: Tx<'t>) -> BoxFuture<'t, bool>;
    fn answer(self: Box<Self>, committed: Committed<'_>);
}

struct Asked<F, R, E> {
    command: Option<F>,
    out: Option<Result<R, E>>,
    answer: oneshot::Sender<Result<R, E>>,
}

impl<F, R, E> Command for Asked<F, R, E>
where
    F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<R, E>> + Send,
    R: Send,
    E: From<DbError> + Send,
{
    fn run<'t>(&'t mut self, tx: Tx<'t>) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let Some(command) = self.command.take() else {
                return false;
            };
            let out = command(tx).await;
            let keep = out.is_ok();
            self.out = Some(out);
            keep
        })
    }

    fn answer(self: Box<Self>, committed: Committed<'_>) {
        let out = match (self.out, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(failed)) => Err(failed.told().into()),
            (Some(out), Ok(())) => out,
            (None, Ok(())) => Err(DbError::Closed.into()),
        };
        // The caller may have gone; the work stands all the same.
        let _gone = self.answer.send(out);
    }
}

/// Why nothing of a transaction happened.
enum Failed {
    /// A statement that begins, ends or divides it failed.
    Commit(sqlx::Error),
    /// A command failed so that the database undid the others with it, as it may for want of space.
    Undone(sqlx::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Commit(error)
    }
}

impl Failed {
    fn told(&self) -> DbError {
        match self {
            Self::Commit(error) => DbError::Commit {
                message: error.to_string(),
                full: sqlx_is_full(error),
            },
            Self::Undone(_) => DbError::Undone,
        }
    }
}

enum Message {
    Run(Box<dyn Command>),
    Scrub(oneshot::Sender<Result<(), DbError>>),
    Close(oneshot::Sender<()>),
}

/// A handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    pub(super) fn spawn(conn: SqliteConnection) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(run(conn, inbox));
        Self { queue }
    }

    pub(super) async fn write<R, E, F>(&self, command: F) -> Result<R, E>
    where
        F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<R, E>> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let command = Box::new(Asked {
            command: Some(command),
            out: None,
            answer,
        });
        self.queue
            .send(Message::Run(command))
            .await
            .map_err(|_| DbError::Closed)?;
        answered.await.map_err(|_| DbError::Closed)?
    }

    /// Commands that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Writes the database anew and empties its log. Commands wait meanwhile; readers do not.
    pub(super) async fn scrub(&self) -> Result<(), DbError> {
        let (done, scrubbed) = oneshot::channel();
        let sent = self.queue.send(Message::Scrub(done)).await;
        sent.map_err(|_| DbError::Closed)?;
        scrubbed.await.map_err(|_| DbError::Closed)?
    }

    /// Runs what is queued, then closes the connection.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _already_gone = closed.await;
        }
    }
}

async fn run(mut conn: SqliteConnection, mut inbox: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        let mut commands = Vec::with_capacity(batch.len());
        let (mut scrubs, mut closing) = (Vec::new(), Vec::new());
        for message in batch.drain(..) {
            match message {
                Message::Run(command) => commands.push(command),
                Message::Scrub(done) => scrubs.push(done),
                Message::Close(done) => closing.push(done),
            }
        }
        commit(&mut conn, commands).await;
        for done in scrubs {
            let _gone = done.send(scrub(&mut conn).await);
        }
        if !closing.is_empty() {
            if let Err(error) = conn.close().await {
                tracing::warn!(%error, "closing the database");
            }
            for done in closing {
                let _gone = done.send(());
            }
            return;
        }
    }
}

/// Overwriting what is deleted leaves bytes of rows that were moved between pages: only writing all pages anew does not. Its
/// copy is a file, for it may be larger than memory.
async fn scrub(conn: &mut SqliteConnection) -> Result<(), DbError> {
    let vacuumed = conn
        .execute("pragma temp_store = file; vacuum; pragma temp_store = memory")
        .await;
    vacuumed?;
    // Whoever reads an older state keeps the log: not for long.
    for _ in 0..TRIES {
        let (busy, ..): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)")
            .fetch_one(&mut *conn)
            .await?;
        if busy == 0 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(DbError::Busy)
}

/// Runs `commands` in one transaction and answers them all.
async fn commit(conn: &mut SqliteConnection, mut commands: Vec<Box<dyn Command>>) {
    if commands.is_empty() {
        return;
    }
    let started = Instant::now();
    let outcome = transact(conn, &mut commands).await;
    if let Err(Failed::Commit(error) | Failed::Undone(error)) = &outcome {
        tracing::error!(%error, "database commit failed");
        // Fails where the database has rolled back by itself: either way no transaction stays open.
        let _already = conn.execute("rollback").await;
    }
    metrics::histogram!("syndarix_db_commit_seconds").record(started.elapsed().as_secs_f64());
    for command in commands {
        command.answer(outcome.as_ref().copied());
    }
}

async fn transact(
    conn: &mut SqliteConnection,
    commands: &mut [Box<dyn Command>],
) -> Result<(), Failed> {
    // Each message to SQLite's thread costs two switches: what can be said together is.
    let mut next = "begin immediate; savepoint command";
    for command in commands {
        conn.execute(next).await?;
        if !command.run(Tx::Sqlite(&mut *conn)).await {
            let undone = conn.execute("rollback to command").await;
            undone.map_err(Failed::Undone)?;
        }
        next = "release command; savepoint command";
    }
    conn.execute("release command; commit").await?;
    Ok(())
}

#[cfg(test)]
mod tests;
