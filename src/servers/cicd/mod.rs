//! cicd: run the project's workflows and read their results and logs.
//!
//! A workflow is a file in GitHub Actions syntax, a strict subset ([`engine::workflow`]). A run is a row from the moment it
//! is queued and ends with a final status always. Steps are plain processes of this machine, without isolation from the
//! server's own files; what they start is killed with them ([`engine::supervisor`]).

pub mod config;
pub mod engine;
mod environment;
mod failure;
mod inputs;
pub mod model;
mod prompts;
mod report;
mod resources;
mod routes;
mod runs;
pub mod store;
pub mod tools;
mod tree;

#[cfg(test)]
mod tests;

pub use config::Config;
use engine::process::Supervisor;
use model::Run;
use runs::Runs;

use crate::tool::prelude::*;

/// The server.
pub struct Cicd {
    runs: Runs,
}

impl Cicd {
    /// Opens the server; runs that a dead process left are ended.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        Self::open_with(config, host, Supervisor::default()).await
    }

    /// Opens the server with a supervisor of another executable than this one.
    pub async fn open_with(
        config: Config,
        host: &Host,
        supervisor: Supervisor,
    ) -> Result<Self, ToolError> {
        Ok(Self {
            runs: Runs::open(config, host, supervisor).await?,
        })
    }

    /// A run of the caller's project.
    async fn run(&self, ctx: &Ctx, id: &str) -> Result<Run, ToolError> {
        let run = self.runs.store().run(ctx.project(), id).await?;
        run.ok_or_else(|| {
            ToolError::not_found("run", id)
                .hint("run_workflow returns the ids of this project's runs")
        })
    }
}

impl ToolServer for Cicd {
    const ID: ServerId = ServerId::Cicd;
    const CALLS: &'static [Dep] = &[
        Dep::write(ServerId::Git, "git_export_tree"),
        Dep::write(ServerId::Git, "set_commit_status"),
    ];
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::run_workflow::RunWorkflow>()
            .add::<tools::get_workflow_run::GetWorkflowRun>()
            .add::<tools::list_workflow_runs::ListWorkflowRuns>()
            .add::<tools::get_job_logs::GetJobLogs>()
            .add::<tools::cancel_workflow_run::CancelWorkflowRun>();
    }
}
