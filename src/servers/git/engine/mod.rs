//! The work on repositories by libgit2, knowing nothing of MCP, HTTP or SQL.
//!
//! libgit2 runs no hook, no external filter, diff or text conversion driver and no fsmonitor, whatever config or
//! attributes say; there is no other back end here.

pub mod add;
pub mod branch;
pub mod commit;
pub mod diff;
pub mod export;
pub mod log;
pub mod name;
pub mod patch;
pub mod pull;
pub mod status;
pub mod when;

#[cfg(test)]
mod tests;

use git2::ErrorCode;

use crate::base::beneath::{self, PathError};
use crate::base::paging::BadCursor;
use crate::project::workspace;

/// Why a git operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is not a revision: it may not be empty, start with `-` or `:`, or hold spaces")]
    BadRevision(String),
    #[error("{0:?} is not a name for a branch")]
    BadBranch(String),
    #[error("{path:?}: {why}")]
    BadPath { path: String, why: PathError },
    #[error("{0:?} starts with `-`: write `./` before it")]
    DashPath(String),
    #[error("there is no commit {0:?}")]
    NoSuchRevision(String),
    #[error("the branch {0:?} exists already")]
    BranchExists(String),
    #[error("the branch {branch:?} is checked out by {holder}")]
    BranchBusy { branch: String, holder: String },
    #[error("the branch {0:?} belongs to another agent")]
    ForeignBranch(String),
    #[error("the branch {target:?} has moved to {now}")]
    TargetMoved { target: String, now: String },
    #[error("the branch {target:?} is checked out by {holder}")]
    TargetInUse { target: String, holder: String },
    #[error("there is no commit yet")]
    Unborn,
    #[error("nothing is staged")]
    NothingStaged { unstaged: usize, untracked: usize },
    #[error("there are unresolved conflicts in {0:?}")]
    Conflicted(Vec<String>),
    #[error("HEAD is {0}, not what was expected")]
    HeadMoved(String),
    #[error("local changes would be overwritten in {0:?}")]
    LocalChanges(Vec<String>),
    #[error("{0} matches nothing")]
    NoMatch(String),
    #[error("{0} is ignored by .gitignore")]
    Ignored(String),
    #[error("{0} leads through a symbolic link")]
    ThroughLink(String),
    #[error("{0:?} is not a date: write 2026-01-31 or 2026-01-31T12:00:00Z")]
    BadDate(String),
    #[error("{0}")]
    Unsafe(String),
    #[error("the tree is larger than {0} bytes")]
    TooLarge(u64),
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Cursor(#[from] BadCursor),
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    #[error(transparent)]
    Files(#[from] beneath::Error),
    #[error(transparent)]
    Git(#[from] git2::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// `None` for what is not there, instead of an error.
fn found<T>(answer: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A path as it is shown: names that are not UTF-8 with U+FFFD.
pub fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
