//! The agent's worktree and its history as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "git/status",
        "git-status",
        "Git status",
        "The branch an agent is on, and what is staged, changed and untracked in its worktree.",
        "git_status",
    )
    .query(&["repo"])
    .own(),
    Resource::json(
        "git/diff",
        "git-diff",
        "Git diff",
        "What an agent changed: not yet staged, with mode=staged what is, with mode=range, from and to the difference of two commits.",
        "git_diff",
    )
    .query(&["repo", "mode", "from", "to", "cursor"])
    .own(),
    Resource::json(
        "git/log",
        "git-log",
        "Git log",
        "The newest commits of an agent's branch, or of another revision.",
        "git_log",
    )
    .query(&["repo", "revision", "cursor"])
    .own(),
    Resource::json(
        "git/branches",
        "git-branches",
        "Git branches",
        "The branches of a repository, and who is on them.",
        "git_list_branches",
    )
    .query(&["repo", "cursor"]),
    Resource::json(
        "git/pulls",
        "git-pull-requests",
        "Pull requests",
        "The pull requests of a repository, the one that changed last first.",
        "list_pull_requests",
    )
    .query(&["repo", "state", "cursor"]),
];

const BRANCH: Completion =
    Completion::of("revision", "git_list_branches", "/items/*/branch").with(&[("limit", "200")]);

pub(super) const COMPLETIONS: &[Completion] = &[
    BRANCH,
    Completion {
        argument: "from",
        ..BRANCH
    },
    Completion {
        argument: "to",
        ..BRANCH
    },
    Completion {
        argument: "base",
        ..BRANCH
    },
];
