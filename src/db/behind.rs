//! Writing behind: what must survive a crash of the process, but need not wait for a commit of its own.
//!
//! An item is appended to a journal file before [`Behind::put`] returns: killing the process loses nothing that was put. A
//! moment later the items are applied to the database, many in one transaction. What a dead process left in its journal is
//! applied at the next start, so an item may be applied twice: `apply` must not mind. Losing the machine's power may lose the
//! last moment's items, for the journal itself is not synced to disk; the database is.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use rustix::fs::{FallocateFlags, fallocate};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Notify, watch};

use super::DbError;

/// Items in one transaction.
const BATCH: usize = 512;
/// Items waiting while the database does not take them; past it nothing more is taken.
const BACKLOG: usize = 100_000;
/// Items that are taken and not applied before [`Behind::room`] waits.
const HIGH: u64 = 10_000;
/// How long it waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a journal after which the next one is begun.
const SEGMENT: u64 = 4 << 20;
/// Bytes that an empty journal has ahead, so that it takes lines while the disk is full.
const AHEAD: u64 = 256 << 10;
/// After a failure, when to try again.
const RETRY: Duration = Duration::from_secs(1);

/// Applies items to the database in one transaction, in their order. It may get an item a second time.
pub type Apply<T> = Arc<dyn Fn(Arc<[T]>) -> BoxFuture<'static, Result<(), DbError>> + Send + Sync>;

/// A journal and the task that applies it. Cheap to clone.
pub struct Behind<T>(Arc<Shared<T>>);

impl<T> Clone for Behind<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for Behind<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Behind").field(&self.0.path).finish()
    }
}

struct Shared<T> {
    path: PathBuf,
    journal: Mutex<Journal<T>>,
    /// Something is there to be applied.
    work: Notify,
    /// Somebody waits for it, or a batch is full.
    urgent: Notify,
    progress: watch::Sender<Progress>,
}

struct Journal<T> {
    file: File,
    size: u64,
    pending: Vec<T>,
    /// Items taken so far.
    taken: u64,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    applied: u64,
    failures: u64,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Behind<T> {
    /// Opens the journal at `path`, applies what a dead process left there, and starts the task that applies what is put from
    /// now on, at most `gather` after it was put.
    pub async fn open(path: &Path, gather: Duration, apply: Apply<T>) -> Result<Self, DbError> {
        for left in [segment(path), path.to_owned()] {
            let mut items = read::<T>(&left)?;
            while !items.is_empty() {
                let rest = items.split_off(items.len().min(BATCH));
                apply(items.into()).await?;
                items = rest;
            }
            match std::fs::remove_file(&left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let journal = Journal {
            file: create(path)?,
            size: 0,
            pending: Vec::new(),
            taken: 0,
        };
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            journal: Mutex::new(journal),
            work: Notify::new(),
            urgent: Notify::new(),
            progress: watch::Sender::default(),
        });
        shared.measure();
        tokio::spawn(run(Arc::clone(&shared), gather, apply));
        Ok(Self(shared))
    }

    /// Takes `item`: it survives the end of the process from here on.
    pub fn put(&self, item: T) -> Result<(), DbError> {
        let mut line = serde_json::to_vec(&item).map_err(io::Error::other)?;
        line.push(b'\n');
        self.take(item, Some(&line))
    }

    /// Takes `item`, of what has happened already and cannot be refused: where the journal has no room for it, it waits in
    /// memory until the database takes it, and is lost only with the process.
    pub fn keep(&self, item: T) -> Result<(), DbError>
    where
        T: Clone,
    {
        match self.put(item.clone()) {
            Err(full) if full.is_full() => self.queue(item),
            taken => taken,
        }
    }

    /// Takes `item`, which is not worth a journal's line: it is applied with the others, and lost with the process.
    pub fn queue(&self, item: T) -> Result<(), DbError> {
        self.take(item, None)
    }

    /// Waits while the database does not keep up, so that what comes in is slowed down to what it takes.
    pub async fn room(&self) -> Result<(), DbError> {
        if !self.0.is_behind() {
            return Ok(());
        }
        let mut progress = self.0.progress.subscribe();
        let caught_up = async {
            while self.0.is_behind() {
                if progress.changed().await.is_err() {
                    return Err(DbError::Closed);
                }
            }
            Ok(())
        };
        let waited = tokio::time::timeout(PATIENCE, caught_up).await;
        waited.unwrap_or(Err(DbError::Backlog))
    }

    fn take(&self, item: T, line: Option<&[u8]>) -> Result<(), DbError> {
        let mut journal = self.0.lock();
        if journal.pending.len() >= BACKLOG {
            return Err(DbError::Backlog);
        }
        if let Some(line) = line {
            if let Err(error) = journal.file.write_all(line) {
                // Half a line must not spoil the next one.
                if let Err(cut) = journal.file.set_len(journal.size) {
                    tracing::error!(error = %cut, journal = %self.0.path.display(), "half a line stays in a journal");
                }
                return Err(error.into());
            }
            journal.size += line.len() as u64;
        }
        journal.pending.push(item);
        journal.taken += 1;
        let waiting = journal.pending.len();
        drop(journal);
        if waiting == 1 {
            self.0.work.notify_one();
        } else if waiting == BATCH {
            self.0.urgent.notify_one();
        }
        Ok(())
    }

    /// Returns once everything taken before is in the database, or could not be written to it.
    pub async fn flush(&self) -> Result<(), DbError> {
        let wanted = self.0.lock().taken;
        let mut progress = self.0.progress.subscribe();
        let before = *progress.borrow();
        if before.applied >= wanted {
            return Ok(());
        }
        self.0.urgent.notify_one();
        let done = progress
            .wait_for(|now| now.applied >= wanted || now.failures > before.failures)
            .await;
        match done {
            Ok(now) if now.applied >= wanted => Ok(()),
            Ok(_) => Err(DbError::Backlog),
            Err(_) => Err(DbError::Closed),
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Journal<T>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_behind(&self) -> bool {
        let applied = self.progress.borrow().applied;
        self.lock().taken - applied > HIGH
    }

    /// The next items. A journal that has grown is continued in a new file, so that the old one can go once they are applied;
    /// where there is no room for one, the old one grows on.
    fn next(&self) -> Vec<T> {
        let mut journal = self.lock();
        if journal.size > SEGMENT
            && let Err(error) = journal.turn(&self.path)
        {
            tracing::warn!(%error, journal = %self.path.display(), "a journal is not continued in a new file");
        }
        std::mem::take(&mut journal.pending)
    }

    /// Tells how much waits.
    fn measure(&self) {
        let waiting = self.lock().taken - self.progress.borrow().applied;
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.into_owned();
        metrics::gauge!("syndarix_journal_waiting", "journal" => name).set(waiting as f64);
    }

    /// Everything that was taken by [`Shared::next`] is in the database.
    fn applied(&self) -> io::Result<()> {
        let old = segment(&self.path);
        if old.exists() {
            std::fs::remove_file(&old)?;
        }
        let mut journal = self.lock();
        if journal.pending.is_empty() && journal.size > 0 {
            journal.file.set_len(0)?;
            journal.size = 0;
            reserve(&journal.file);
        }
        Ok(())
    }
}

impl<T> Journal<T> {
    /// Goes on in a new file, unless the older one is still there.
    fn turn(&mut self, path: &Path) -> io::Result<()> {
        let old = segment(path);
        if old.exists() {
            return Ok(());
        }
        // Made before the one in use moves, which must be found under one of the two names.
        let new = path.with_extension("new");
        let file = create(&new)?;
        std::fs::rename(path, &old)?;
        if let Err(error) = std::fs::rename(&new, path) {
            std::fs::rename(&old, path)?;
            return Err(error);
        }
        self.file = file;
        self.size = 0;
        Ok(())
    }
}

async fn run<T: Send + Sync + 'static>(shared: Arc<Shared<T>>, gather: Duration, apply: Apply<T>) {
    loop {
        shared.work.notified().await;
        // A flush is urgent; otherwise wait a little for company.
        let _flushed = tokio::time::timeout(gather, shared.urgent.notified()).await;
        let mut items = shared.next();
        while !items.is_empty() {
            let rest = items.split_off(items.len().min(BATCH));
            let batch: Arc<[T]> = items.into();
            while let Err(error) = apply(Arc::clone(&batch)).await {
                shared.progress.send_modify(|now| now.failures += 1);
                shared.measure();
                if matches!(error, DbError::Closed) {
                    tracing::info!(journal = %shared.path.display(), "a journal is kept for the next start");
                    return;
                }
                tracing::error!(%error, journal = %shared.path.display(), "a journal cannot be applied; it is kept");
                tokio::time::sleep(RETRY).await;
            }
            let count = batch.len() as u64;
            shared.progress.send_modify(|now| now.applied += count);
            shared.measure();
            items = rest;
        }
        if let Err(error) = shared.applied() {
            tracing::error!(%error, journal = %shared.path.display(), "a journal cannot be emptied");
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    reserve(&file);
    Ok(file)
}

/// Reserves room ahead. Where there is none, or the file system knows no such thing, the journal is as good as the disk has room.
fn reserve(file: &File) {
    if let Err(error) = fallocate(file, FallocateFlags::KEEP_SIZE, 0, AHEAD) {
        tracing::debug!(%error, "no room is reserved for a journal");
    }
}

/// The journal's older segment, which is being applied.
fn segment(path: &Path) -> PathBuf {
    path.with_extension("old")
}

/// The items of a journal. Its last line may be cut off: that item was never acknowledged.
fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut items = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(item) => items.push(item),
            Err(error) => {
                tracing::warn!(%error, journal = %path.display(), "a line of a journal is left out");
            }
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
