//! Lists that were made before.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::Oid;
use lru::LruCache;

use super::Raw;
use crate::base::beneath::RelPath;

/// Lists that are kept: the pages of a difference are asked for one after the other.
const KEPT: usize = 16;
/// Longer lists are not kept, in files.
const MAX_KEPT: usize = 5000;

/// A repository, two trees in it, and the paths that were compared.
pub(super) type Question = (PathBuf, Oid, Oid, Vec<RelPath>);

/// Lists of files that differ, with their renames, of which the last ones are kept: what is asked of two trees has one
/// answer for ever.
pub struct Lists(Mutex<LruCache<Question, Arc<Vec<Raw>>>>);

impl Default for Lists {
    fn default() -> Self {
        let kept = NonZeroUsize::new(KEPT).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(kept)))
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists").finish_non_exhaustive()
    }
}

impl Lists {
    pub(super) fn get(&self, question: &Question) -> Option<Arc<Vec<Raw>>> {
        self.kept().get(question).cloned()
    }

    pub(super) fn put(&self, question: Question, list: &Arc<Vec<Raw>>) {
        if list.len() <= MAX_KEPT {
            self.kept().put(question, Arc::clone(list));
        }
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Question, Arc<Vec<Raw>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
