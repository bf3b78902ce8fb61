//! What a refused git operation says to the caller, and the next step.

use serde_json::json;

use super::{engine::Error, tools::git_export_tree::NO_COMMIT};
use crate::{
    base::beneath,
    project::workspace,
    tool::{Code, ToolError},
};

/// The error as the caller sees it.
pub(super) fn of(error: Error) -> ToolError {
    let said = error.to_string();
    match error {
        Error::BadPath { .. } | Error::DashPath(_) | Error::ThroughLink(_) => {
            ToolError::invalid("/paths", said)
        }
        // The message quotes what was sent; which of several arguments it was in does not matter then.
        Error::BadRevision(_) | Error::BadBranch(_) | Error::BadDate(_) => ToolError::invalid("", said),
        Error::NoSuchRevision(revision) => {
            ToolError::not_found("revision", revision).hint("git_log shows the commits there are")
        }
        Error::BranchExists(_) => {
            ToolError::conflict(said).hint("or one above or below it in its path does: choose another name, or git_checkout it")
        }
        Error::BranchBusy { branch, holder } => {
            ToolError::conflict(format!("branch {branch:?} is checked out in the worktree of agent {holder:?}"))
                .hint("make a branch of your own from it with git_create_branch")
                .details(json!({ "branch": branch, "agent": holder }))
        }
        Error::TargetMoved { .. } => ToolError::conflict(said).hint("somebody was faster: look at get_pull_request and try again"),
        Error::TargetInUse { target, holder } => {
            ToolError::conflict(format!("branch {target:?} is checked out in the worktree of agent {holder:?}, whose files would not follow"))
                .hint("that agent has to git_checkout another branch first")
                .details(json!({ "branch": target, "agent": holder }))
        }
        Error::ForeignBranch(_) => {
            ToolError::forbidden(said).hint("branches under agent/ are for the agent they name: use agent/<you>/… or any other name")
        }
        Error::Unborn => ToolError::conflict(said)
            .hint("stage files with git_add and make the first commit with git_commit")
            .details(json!({ "reason": NO_COMMIT })),
        Error::NothingStaged { unstaged: 0, untracked: 0 } => {
            ToolError::conflict(said).hint("and nothing has changed: write files first, or pass allow_empty: true")
        }
        Error::NothingStaged { unstaged, untracked } => ToolError::conflict(said)
            .hint(format!("{unstaged} changed and {untracked} untracked files wait: stage them with git_add, paths [\".\"] for all"))
            .details(json!({ "unstaged": unstaged, "untracked": untracked })),
        Error::Conflicted(paths) => ToolError::conflict("there are unresolved conflicts")
            .hint("edit the files, then stage them with git_add")
            .details(json!({ "paths": paths })),
        Error::HeadMoved(head) => ToolError::precondition_failed(format!("HEAD is {head}, not the expected_head"))
            .hint("look at git_log, then repeat with the new one")
            .details(json!({ "head": head })),
        Error::LocalChanges(paths) => ToolError::conflict("local changes would be overwritten")
            .hint("commit them first, or pass force: true to lose them")
            .details(json!({ "paths": paths })),
        Error::NoMatch(path) => ToolError::not_found("path", path).hint("git_status shows what changed"),
        Error::Ignored(_) => ToolError::invalid("/paths", said).hint("pass force: true to add it all the same"),
        Error::Unsafe(_) => ToolError::conflict(said),
        Error::TooLarge(_) => ToolError::too_large(said),
        Error::Cursor(error) => error.into(),
        Error::Stopped => ToolError::new(Code::Cancelled, "the call was stopped"),
        Error::Workspace(error) => of_workspace(error),
        Error::Files(error) => of_file(error),
        Error::Git(error) => of_git(error),
        Error::Io(error) => error.into(),
    }
}

fn of_workspace(error: workspace::Error) -> ToolError {
    match error {
        workspace::Error::NoRepository => {
            ToolError::conflict("this project has no such repository yet")
                .hint("make it with git_init")
                .details(json!({ "reason": NO_COMMIT }))
        }
        workspace::Error::BadBranch(_) => ToolError::invalid("/default_branch", error.to_string()),
        workspace::Error::BadRun => ToolError::invalid("/run", error.to_string()),
        workspace::Error::Files(error) => of_file(error),
        workspace::Error::Git(error) => of_git(error),
        workspace::Error::Io(error) => error.into(),
    }
}

fn of_file(error: beneath::Error) -> ToolError {
    match error {
        beneath::Error::Io(error) => error.into(),
        other => ToolError::invalid("/paths", other.to_string()),
    }
}

/// libgit2's own words may name absolute paths, so they go to the log only.
fn of_git(error: git2::Error) -> ToolError {
    match error.code() {
        git2::ErrorCode::Locked => ToolError::conflict("the repository is busy: try again"),
        git2::ErrorCode::Modified => ToolError::conflict("a branch moved meanwhile: try again"),
        _ => ToolError::internal(error),
    }
}
