//! What a refused git operation says to the caller, and the next step.

use std::io;

use serde_json::json;

use super::{cli, engine::Error, tools::git_export_tree::NO_COMMIT};
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
        Error::Protected(_) => ToolError::forbidden(said)
            .hint("commit to a branch of your own and open a pull request with create_pull_request"),
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
            .hint("decide each with git_resolve_conflict, or edit the files and stage them with git_add")
            .details(json!({ "paths": paths })),
        Error::HeadMoved(head) => ToolError::precondition_failed(format!("HEAD is {head}, not the expected_head"))
            .hint("look at git_log, then repeat with the new one")
            .details(json!({ "head": head })),
        Error::LocalChanges(paths) => ToolError::conflict("local changes would be overwritten")
            .hint("commit them with git_commit or put them aside with git_stash; git_restore loses them")
            .details(json!({ "paths": paths })),
        Error::NoMatch(path) => ToolError::not_found("path", path).hint("git_status shows what changed"),
        Error::Ignored(_) => ToolError::invalid("/paths", said).hint("pass force: true to add it all the same"),
        Error::LeftOut(_) => ToolError::conflict(said)
            .hint("bring it in with git_restore(paths: [it]), or write it; git_apply_patch(stage: true) can delete it"),
        Error::NoSuchPath(path) => ToolError::not_found("path", path).hint("git_list_tree shows the files of a commit"),
        Error::IsDirectory(_) => ToolError::invalid("/path", said).hint("list it with git_list_tree"),
        Error::IsSubmodule(_) | Error::Binary(_) => ToolError::invalid("/path", said),
        Error::InSubmodule { .. } => ToolError::invalid("/paths", said)
            .hint("commit it there; git_submodule(action: \"set\") then stages the submodule's new commit here"),
        Error::NotFetched(_) => ToolError::conflict(said).hint("bring it with git_submodule(action: \"update\")"),
        Error::SubmoduleChanges(paths) => ToolError::conflict(said)
            .hint("move them elsewhere, or pass force: true to lose them")
            .details(json!({ "paths": paths })),
        Error::SubmoduleProblem { path, .. } => ToolError::conflict(said)
            .hint("mend .gitmodules and stage it with git_add, or name other paths")
            .details(json!({ "path": path })),
        Error::NoSubmodule(path) => ToolError::not_found("submodule", path).hint("git_submodule(action: \"list\") shows them"),
        Error::NoLine(_) => ToolError::invalid("/start_line", said),
        Error::BadPattern(_) => ToolError::invalid("/pattern", said).hint("or pass literal: true to search for the text as it is"),
        Error::BadTag(_) => ToolError::invalid("/name", said),
        Error::NoTag(name) => ToolError::not_found("tag", name).hint("git_tag(action: \"list\") shows the tags there are"),
        Error::TagExists(_) => ToolError::conflict(said).hint("choose another name, or delete it first"),
        Error::NoBranch(name) => ToolError::not_found("branch", name).hint("git_list_branches shows the branches there are"),
        Error::DefaultBranch(_) => ToolError::conflict(said).hint("new worktrees start from it: it can be neither renamed nor deleted"),
        Error::Unmerged { commits, .. } => ToolError::conflict(said)
            .hint("merge it first, or pass force: true to lose them")
            .details(json!({ "commits": commits })),
        Error::NoStash(number) => ToolError::not_found("stash", number).hint("git_stash(action: \"list\") shows yours"),
        Error::StashConflicts { commit, paths } => ToolError::conflict("the stash conflicts with what was committed since")
            .hint(format!("bring it in as a commit with git_cherry_pick(revisions: [\"{commit}\"], mainline: 1), which lets you resolve"))
            .details(json!({ "paths": paths })),
        Error::NothingToStash => ToolError::conflict(said).hint("pass include_untracked: true to put new files aside too"),
        Error::Staged(paths) => ToolError::conflict("staged changes would get into it")
            .hint("commit them with git_commit, or put them aside with git_stash")
            .details(json!({ "paths": paths })),
        Error::InProgress(kind) => ToolError::conflict(said)
            .hint(format!("finish it with {0}(action: \"continue\") or take it back with {0}(action: \"abort\")", kind.tool()))
            .details(json!({ "in_progress": kind })),
        Error::NothingInProgress(kind) => ToolError::conflict(said)
            .hint(format!("begin one with {}(action: \"start\")", kind.tool())),
        Error::Interrupted(kind) => ToolError::conflict(said)
            .hint(format!("take it back with {}(action: \"abort\") and begin again", kind.tool())),
        Error::NothingToSkip => ToolError::invalid("/action", said).hint("continue or abort"),
        Error::NoFastForward => ToolError::conflict(said).hint("pass fast_forward: \"auto\" to make a merge commit, or git_rebase first"),
        Error::TooManyCommits(_) => ToolError::too_large(said).hint("bring them in with git_merge, or in smaller steps"),
        Error::Mainline { parents: 0 | 1, .. } => ToolError::invalid("/mainline", said).hint("leave mainline out: it is no merge"),
        Error::Mainline { .. } => ToolError::invalid("/mainline", said)
            .hint("it is a merge: say against which parent, from 1, its changes are taken"),
        Error::NoConflict(_) => ToolError::not_found("conflict", said).hint("git_status shows what is in conflict"),
        Error::BadPatch(_) => ToolError::invalid("/patch", said).hint("send a unified diff, as git_diff returns it"),
        Error::PatchMisses { path, .. } => ToolError::conflict(said)
            .hint("nothing was changed: read the file again and make the patch anew")
            .details(json!({ "path": path })),
        Error::NoWorktree(agent) => ToolError::not_found("worktree", agent).hint("git_worktree(action: \"list\") shows them"),
        Error::Contradiction(commit, ..) => ToolError::conflict(said)
            .hint("name `bad` by its commit: HEAD moves with git_checkout; and take the commit out of all lists but one")
            .details(json!({ "commit": commit.to_string() })),
        Error::BadBeforeGood(commit) => ToolError::conflict(said)
            .hint("the fault was mended on the way to the good one, which git_bisect does not look for, or good and bad are mixed up")
            .details(json!({ "commit": commit.to_string() })),
        Error::NothingToBisect => ToolError::conflict(said).hint("leave `paths` out, or name others: the fault came from elsewhere"),
        Error::Cli(error) => of_cli(error),
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

fn of_cli(error: cli::Error) -> ToolError {
    match error {
        cli::Error::Stopped => ToolError::new(Code::Cancelled, "the call was stopped"),
        cli::Error::TimedOut { .. } => ToolError::new(Code::DeadlineExceeded, error.to_string())
            .hint("narrow it by paths or dates"),
        cli::Error::TooMuch { .. } => ToolError::too_large(error.to_string()),
        cli::Error::Start(error) => error.into(),
        cli::Error::Failed { .. } if is_full(&error.to_string()) => no_space(error),
        cli::Error::Failed { .. } => ToolError::internal(error),
    }
}

/// libgit2's own words may name absolute paths, so they go to the log only.
fn of_git(error: git2::Error) -> ToolError {
    match error.code() {
        git2::ErrorCode::Locked => ToolError::conflict("the repository is busy: try again"),
        git2::ErrorCode::Modified => ToolError::conflict("a branch moved meanwhile: try again"),
        _ if is_full(error.message()) => no_space(error),
        _ => ToolError::internal(error),
    }
}

/// Neither the git program nor libgit2 has a code for a full disk: both say it in words.
fn is_full(said: &str) -> bool {
    let words = [
        "No space left on device",
        "Out of diskspace",
        "Disk quota exceeded",
    ];
    words.iter().any(|words| said.contains(words))
}

fn no_space(error: impl std::error::Error + Send + Sync + 'static) -> ToolError {
    io::Error::new(io::ErrorKind::StorageFull, error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_such_by_both_backends() {
        let said = "failed to write out file: No space left on device";
        let library = git2::Error::from_str(said);
        let program = cli::Error::Failed {
            command: "worktree",
            code: 128,
            said: "fatal: could not write: No space left on device".into(),
        };
        for error in [Error::Git(library), Error::Cli(program)] {
            assert_eq!(of(error).code, Code::StorageFull);
        }
        assert_eq!(
            of(Error::Git(git2::Error::from_str("odd"))).code,
            Code::Internal
        );
    }
}
