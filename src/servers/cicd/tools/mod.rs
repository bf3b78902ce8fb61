//! The tools, one a file.

pub mod cancel_workflow_run;
pub mod get_job_logs;
pub mod get_workflow_run;
pub mod list_workflow_runs;
pub mod run_workflow;
