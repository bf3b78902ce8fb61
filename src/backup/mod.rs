//! Floor 2: the whole data directory in one file, while the hub runs, and back.
//!
//! The order makes it whole. First the journals are copied, then the database as it is at one moment, then the files. What was
//! acknowledged before is in the database's copy, or in a journal that the next start applies once more. A file that a row names
//! was there before the row, so that it is there when the files are copied. Those are copied once while everybody goes on working,
//! which may take long, and then once more what has changed since: each repository with the trees of it while nobody may change
//! them, so that nothing that is moved meanwhile is missed, and refs and files agree. Refs come before objects, of which none is
//! ever removed. The search index is left out: a start without one fills it anew.

mod make;
mod manifest;
mod pack;
mod read;
mod restore;

use std::{io, path::PathBuf};

pub use make::{Backups, FOLDER, Made};
pub use manifest::Manifest;
pub use read::{Broken, read};
pub use restore::{Restored, UNFINISHED, check_place, restore};

/// What a restore keeps of the data directory that it replaces: this and the time.
const ASIDE: &str = "before-restore-";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another is being made.
    #[error("another backup is being made: wait for it to end")]
    Busy,
    /// A file could not be copied.
    #[error("cannot copy {path:?}: {source}")]
    File {
        /// Which, below the data directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database could not be copied.
    #[error("cannot copy the database: {0}")]
    Db(#[from] crate::db::DbError),
    /// The archive could not be written or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is not what it should be.
    #[error("{}: {broken}", .archive.display())]
    Broken {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        broken: Broken,
    },
    /// There is something where it would go.
    #[error(
        "{} is not empty: restore into an empty directory, or use --force, which keeps what is there beside it",
        .0.display()
    )]
    NotEmpty(PathBuf),
}

#[cfg(test)]
mod tests;
