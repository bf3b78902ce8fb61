//! One tool a file.

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

#[cfg(test)]
mod testing;
