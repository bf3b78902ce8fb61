//! The work of the server: reading workflow files, ordering jobs, running steps and keeping their logs.

pub mod command_files;
pub mod job;
pub mod log;
pub mod log_text;
pub mod process;
pub mod process_tree;
pub mod run;
pub mod schedule;
pub mod status;
pub mod supervisor;
pub mod tree_copy;
pub mod workflow;
