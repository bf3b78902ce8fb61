//! One tool a file.

pub mod create_pull_request;
pub mod get_pull_request;
pub mod git_add;
pub mod git_apply_patch;
pub mod git_bisect;
pub mod git_blame;
pub mod git_branch;
pub mod git_checkout;
pub mod git_cherry_pick;
pub mod git_clone;
pub mod git_commit;
pub mod git_compare;
pub mod git_create_branch;
pub mod git_credential;
pub mod git_diff;
pub mod git_diff_staged;
pub mod git_diff_unstaged;
pub mod git_export_tree;
pub mod git_fetch;
pub mod git_grep;
pub mod git_init;
pub mod git_list_branches;
pub mod git_list_repositories;
pub mod git_list_tree;
pub mod git_log;
pub mod git_merge;
pub mod git_pull;
pub mod git_push;
pub mod git_read_file;
pub mod git_rebase;
pub mod git_reflog;
pub mod git_remote;
pub mod git_reset;
pub mod git_resolve_conflict;
pub mod git_restore;
pub mod git_revert;
pub mod git_show;
pub mod git_signing_key;
pub mod git_stash;
pub mod git_status;
pub mod git_submodule;
pub mod git_tag;
pub mod git_worktree;
mod integrated;
pub mod list_pull_requests;
pub mod merge_pull_request;
pub mod protect_branch;
mod pull_request;
pub mod review_pull_request;
pub mod set_commit_status;
pub mod update_pull_request;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod sparse;
#[cfg(test)]
pub(super) mod testing;
