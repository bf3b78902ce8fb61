//! The work on repositories by libgit2, knowing nothing of MCP, HTTP or SQL.
//!
//! libgit2 runs no hook, no external filter, diff or text conversion driver and no fsmonitor, whatever config or
//! attributes say. Where it is slow and the git program is there, that is asked instead, see [`super::cli`].

pub mod add;
pub mod apply;
pub mod bisect;
pub mod blame;
pub mod blob;
pub mod branch;
pub mod commit;
pub mod compare;
pub mod diff;
mod directories;
pub mod export;
pub mod grep;
pub mod integrate;
pub mod log;
pub mod merge;
pub mod name;
pub mod patch;
mod patch_text;
mod pathspec;
pub mod porcelain;
pub mod pull;
pub mod reflog;
pub mod renames;
pub mod reset;
pub mod sign;
pub mod sparse;
pub mod stash;
pub mod status;
pub mod submodule;
pub mod tag;
pub mod when;
pub mod worktree;
mod written;

#[cfg(test)]
mod tests;

use git2::{ErrorCode, Oid};
use schemars::JsonSchema;
use serde::Serialize;

use super::cli;
use crate::base::beneath::{self, PathError};
use crate::base::paging::BadCursor;
use crate::project::workspace;
use integrate::Kind;

/// Who did the work, where there are two that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Backend {
    /// The git program.
    Git,
    Libgit2,
}

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
    #[error("the branch {0:?} is protected")]
    Protected(String),
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
    #[error("{0} is outside of the repository's sparse paths, and not in your worktree")]
    LeftOut(String),
    #[error("{0} leads through a symbolic link")]
    ThroughLink(String),
    #[error("{0:?} is not a date: write 2026-01-31 or 2026-01-31T12:00:00Z")]
    BadDate(String),
    #[error("{0}")]
    Unsafe(String),
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("{0} is not there in this commit")]
    NoSuchPath(String),
    #[error("{0} is a directory")]
    IsDirectory(String),
    #[error("{0} is a submodule, whose files are in another repository")]
    IsSubmodule(String),
    #[error("{path} is in the submodule {submodule}, whose files belong to another repository")]
    InSubmodule { path: String, submodule: String },
    #[error("the commit {0} of the submodule was not fetched")]
    NotFetched(Oid),
    #[error("files of submodules would be lost")]
    SubmoduleChanges(Vec<String>),
    #[error("the submodule {path} cannot be brought: {why}")]
    SubmoduleProblem { path: String, why: String },
    #[error("{0} is no submodule")]
    NoSubmodule(String),
    #[error("{0} is a binary file, which has no lines")]
    Binary(String),
    #[error("the file has {0} lines")]
    NoLine(usize),
    #[error("not a regular expression: {0}")]
    BadPattern(String),
    #[error("{0:?} is no tag")]
    NoTag(String),
    #[error("{0:?} is not a name for a tag")]
    BadTag(String),
    #[error("the tag {0:?} exists already")]
    TagExists(String),
    #[error("there is no branch {0:?}")]
    NoBranch(String),
    #[error("the branch {0:?} is the default branch")]
    DefaultBranch(String),
    #[error("the branch {branch:?} has {commits} commits that no other branch has")]
    Unmerged { branch: String, commits: usize },
    #[error("there is no stash number {0}")]
    NoStash(usize),
    #[error("there is nothing to stash")]
    NothingToStash,
    #[error("the stash conflicts with what was committed since in {paths:?}")]
    StashConflicts { commit: Oid, paths: Vec<String> },
    #[error("changes are staged in {0:?}")]
    Staged(Vec<String>),
    #[error("a {} is under way", .0.tool())]
    InProgress(Kind),
    #[error("no {} is under way", .0.tool())]
    NothingInProgress(Kind),
    #[error("the hub ended in the middle of this {}", .0.tool())]
    Interrupted(Kind),
    #[error("a merge has no single commit to skip")]
    NothingToSkip,
    #[error("it cannot be fast-forwarded: both sides have commits of their own")]
    NoFastForward,
    #[error("more than {0} commits")]
    TooManyCommits(usize),
    #[error("commit {commit} has {parents} parents")]
    Mainline { commit: Oid, parents: usize },
    #[error("{0} is not in conflict")]
    NoConflict(String),
    #[error("the patch cannot be read: {0}")]
    BadPatch(String),
    #[error("the patch does not apply to {path}: {why}")]
    PatchMisses { path: String, why: String },
    #[error("agent {0:?} has no worktree of this repository")]
    NoWorktree(String),
    #[error("{0} is both {1} and {2}")]
    Contradiction(Oid, &'static str, &'static str),
    #[error("the bad commit {0} comes before a good one")]
    BadBeforeGood(Oid),
    #[error("no commit that leads to the bad one and not to a good one changes these paths")]
    NothingToBisect,
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Cli(#[from] cli::Error),
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
pub fn found<T>(answer: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
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
