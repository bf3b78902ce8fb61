//! One tool a file.

pub mod create_pull_request;
pub mod get_pull_request;
pub mod git_add;
pub mod git_checkout;
pub mod git_commit;
pub mod git_create_branch;
pub mod git_diff;
pub mod git_export_tree;
pub mod git_init;
pub mod git_list_branches;
pub mod git_log;
pub mod git_status;
pub mod list_pull_requests;
pub mod merge_pull_request;
pub mod protect_branch;
mod pull_request;
pub mod review_pull_request;
pub mod set_commit_status;
pub mod update_pull_request;

#[cfg(test)]
mod testing;
