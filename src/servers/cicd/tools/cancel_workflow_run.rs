//! `cancel_workflow_run`: end a run early.

use tokio::time::{Instant, timeout_at};

use crate::{
    servers::cicd::{Cicd, model::Run},
    tool::prelude::*,
};

/// How long to wait for the run's processes to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct CancelWorkflowRun;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Id of the run, from run_workflow.
    #[garde(length(chars, min = 1, max = 64))]
    pub run_id: String,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The run. A run that had ended stays as it was; one still `running` is doing its `if: always()` steps.
    #[serde(flatten)]
    pub run: Run,
    /// Whether this call ended it: false when it had ended before.
    pub cancelled: bool,
}

impl Tool for CancelWorkflowRun {
    type Server = Cicd;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "cancel_workflow_run";
    const ABOUT: &'static str = "Cancel a queued or running run: its processes are killed, daemons included, jobs that have \
        not started never start, and only steps with `if: always()` or `cancelled()` still run. Returns the run; \
        repeating the call does no harm.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        idempotent: true,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Cicd, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let run = server.run(ctx, &args.run_id).await?;
        let progress = server.runs.progress(&run.run_id);
        let cancelled = server.runs.cancel(ctx.project(), &run.run_id).await?;
        if let Some(mut progress) = progress {
            let _ = timeout_at(
                Instant::now() + PATIENCE,
                progress.wait_for(|progress| progress.ended),
            )
            .await;
        }
        let run = server.run(ctx, &args.run_id).await?;
        Ok(Output { run, cancelled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::cicd::{
        model::Status,
        tests::{finished, team},
    };

    #[tokio::test]
    async fn a_finished_run_stays_finished() {
        let team = team().await;
        let run_id = finished(&team).await;
        let done = team
            .call::<CancelWorkflowRun>(Args {
                run_id: run_id.clone(),
            })
            .await
            .unwrap();
        assert_eq!((done.run.status, done.cancelled), (Status::Success, false));
        let foreign = team
            .at("elsewhere", "eve")
            .call::<CancelWorkflowRun>(Args { run_id })
            .await
            .unwrap_err();
        assert_eq!(foreign.code, Code::NotFound);
    }
}
