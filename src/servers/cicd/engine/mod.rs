//! The work of the server: reading workflow files, ordering jobs, running steps and keeping their logs.
pub mod workflow;
