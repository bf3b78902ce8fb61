//! `get_workflow_run`: where a run stands and why it failed.

use crate::{
    servers::cicd::{
        Cicd,
        failure::{self, Failure},
        model::{Job, Run, Status},
    },
    tool::prelude::*,
};

/// Steps in one answer; past it those that went well are left out.
const MAX_STEPS: usize = 100;

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetWorkflowRun;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Id of the run, from run_workflow.
    #[garde(length(chars, min = 1, max = 64))]
    pub run_id: String,
    /// Show this job alone, with all its steps.
    #[garde(length(chars, min = 1, max = 100))]
    pub job: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// Its jobs, in the order of the file.
    pub jobs: Vec<Job>,
    /// The first step that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Whether steps that went well were left out: ask for one `job` to see them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Tool for GetWorkflowRun {
    type Server = Cicd;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_workflow_run";
    const ABOUT: &'static str = "Read where a run stands: its status, each job and step, and for a failed run the first \
        failing step with exit code and the end of its output. Statuses other than queued and running are final. Use \
        get_job_logs for more of the output.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Cicd, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let run = server.run(ctx, &args.run_id).await?;
        let mut jobs = server.runs.store().jobs(&run.run_id).await?;
        let failure = failure::first(
            ctx,
            &server.runs.directory(ctx.project(), &run.run_id),
            &jobs,
        )
        .await?;
        if let Some(wanted) = &args.job {
            jobs.retain(|job| job.job == *wanted);
            if jobs.is_empty() {
                return Err(ToolError::not_found("job", wanted));
            }
        }
        let truncated = jobs.iter().map(|job| job.steps.len()).sum::<usize>() > MAX_STEPS;
        if truncated && args.job.is_none() {
            for job in &mut jobs {
                job.steps.retain(|step| {
                    !matches!(
                        step.status,
                        Status::Success | Status::Skipped | Status::Queued
                    )
                });
            }
        }
        let truncated = truncated && args.job.is_none();
        for step in jobs.iter_mut().flat_map(|job| &mut job.steps) {
            step.outputs
                .values_mut()
                .for_each(|value| shorten(value, 200));
        }
        Ok(Output {
            run,
            jobs,
            failure,
            truncated,
        })
    }
}

fn shorten(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::cicd::tests::{finished, team};

    #[tokio::test]
    async fn shows_jobs_and_steps_of_the_own_project_only() {
        let team = team().await;
        let id = finished(&team).await;
        let args = |job: Option<&str>| Args {
            run_id: id.clone(),
            job: job.map(Into::into),
        };
        let seen = team.call::<GetWorkflowRun>(args(None)).await.unwrap();
        assert_eq!(
            (seen.run.status, seen.jobs.len(), seen.jobs[0].steps.len()),
            (Status::Success, 1, 1)
        );
        assert_eq!(
            team.call::<GetWorkflowRun>(args(Some("zz")))
                .await
                .unwrap_err()
                .code,
            Code::NotFound
        );

        let foreign = team
            .at("elsewhere", "eve")
            .call::<GetWorkflowRun>(args(None))
            .await
            .unwrap_err();
        assert_eq!(
            (foreign.code, foreign.message.contains("not found")),
            (Code::NotFound, true)
        );
    }
}
