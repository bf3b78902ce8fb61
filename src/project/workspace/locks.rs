//! Locks by directory: a long one per tree, a short one per repository.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Above this many, locks that nobody holds are forgotten.
const KEEP: usize = 1024;

/// The right to change one agent's tree.
pub type TreeGuard = tokio::sync::OwnedMutexGuard<()>;

#[derive(Debug, Default)]
pub(super) struct Locks {
    trees: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
    repositories: Mutex<HashMap<PathBuf, Arc<Gate>>>,
}

impl Locks {
    /// Waits without holding a thread, so that a cancelled call stops waiting.
    pub(super) async fn tree(&self, path: PathBuf) -> TreeGuard {
        let lock = of(&self.trees, path);
        lock.lock_owned().await
    }

    /// The lock, if nobody holds it.
    pub(super) fn try_tree(&self, path: PathBuf) -> Option<TreeGuard> {
        of(&self.trees, path).try_lock_owned().ok()
    }

    /// Waits for it on a thread that may block.
    pub(super) fn tree_blocking(&self, path: PathBuf) -> TreeGuard {
        of(&self.trees, path).blocking_lock_owned()
    }

    pub(super) fn repository(&self, path: PathBuf) -> RepositoryGuard {
        let gate = of(&self.repositories, path);
        let mut busy = gate.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while *busy {
            busy = gate
                .freed
                .wait(busy)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *busy = true;
        drop(busy);
        RepositoryGuard { gate }
    }
}

fn of<L: Default>(locks: &Mutex<HashMap<PathBuf, Arc<L>>>, path: PathBuf) -> Arc<L> {
    let mut locks = locks.lock().unwrap_or_else(PoisonError::into_inner);
    if locks.len() > KEEP {
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
    }
    locks.entry(path).or_default().clone()
}

/// A mutex whose guard owns what it guards.
#[derive(Debug, Default)]
struct Gate {
    busy: Mutex<bool>,
    freed: Condvar,
}

/// The right to change a repository's refs, given back when dropped.
#[derive(Debug)]
pub struct RepositoryGuard {
    gate: Arc<Gate>,
}

impl Drop for RepositoryGuard {
    fn drop(&mut self) {
        *self
            .gate
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = false;
        self.gate.freed.notify_one();
    }
}
