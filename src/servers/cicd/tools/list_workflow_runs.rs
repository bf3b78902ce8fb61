//! `list_workflow_runs`: what ran lately.

use crate::{
    servers::cicd::{
        Cicd,
        model::{Run, Status},
        store::RunsFilter,
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct ListWorkflowRuns;

/// What the caller sends.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Only runs that stand so, e.g. `failure`.
    pub status: Option<Status>,
    /// Only runs of this workflow: its path, or `inline`.
    #[garde(length(chars, min = 1, max = 200))]
    pub workflow: Option<String>,
    /// Only runs that this agent started.
    #[garde(length(chars, min = 1, max = 64))]
    pub agent: Option<String>,
    /// Go on after an earlier page: its `next_cursor`, with all other arguments the same.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most runs to return; 20 if left out.
    #[garde(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The runs, newest first.
    pub items: Vec<Run>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

const LIMIT: u32 = 20;

impl Tool for ListWorkflowRuns {
    type Server = Cicd;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_workflow_runs";
    const ABOUT: &'static str = "List this project's workflow runs, newest first, filtered by status, workflow and agent. \
        Use get_workflow_run for one run's jobs and why it failed. Returns runs in short and next_cursor when there are \
        more.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Cicd, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let filter = RunsFilter {
            status: args.status,
            workflow: args.workflow,
            agent: args.agent,
        };
        let binding = ("list_workflow_runs", ctx.project(), &filter);
        let before = args
            .cursor
            .map(|cursor| paging::decode::<i64>(&binding, &cursor))
            .transpose()?;
        let limit = args.limit.unwrap_or(LIMIT);
        let mut items = server
            .runs
            .store()
            .runs(ctx.project(), &filter, before, limit + 1)
            .await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| paging::encode(&binding, &last.number));
        Ok(Output { items, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::cicd::{tests::team, tools::run_workflow};

    #[tokio::test]
    async fn runs_come_newest_first_of_this_project_only() {
        let team = team().await;
        for steps in ["      - uses: actions/checkout@v4\n", "      - run: x\n"] {
            let text = format!("jobs:\n  a:\n    runs-on: x\n    steps:\n{steps}");
            let args = run_workflow::Args {
                inline: Some(text),
                wait_ms: 20_000,
                ..run_workflow::Args::default()
            };
            team.call::<run_workflow::RunWorkflow>(args).await.unwrap();
        }
        let numbers = async |args: Args| -> Vec<i64> {
            let page = team.call::<ListWorkflowRuns>(args).await.unwrap();
            page.items.iter().map(|run| run.number).collect()
        };
        assert_eq!(numbers(Args::default()).await, [2, 1]);
        let failed = Args {
            status: Some(Status::Failure),
            ..Args::default()
        };
        assert_eq!(numbers(failed).await, [2], "there is no supervisor here");
        let of_bea = Args {
            agent: Some("bea".into()),
            ..Args::default()
        };
        assert_eq!(numbers(of_bea).await, [0; 0]);
        let one = |cursor| Args {
            limit: Some(1),
            cursor,
            ..Args::default()
        };
        let page = team.call::<ListWorkflowRuns>(one(None)).await.unwrap();
        let rest = team
            .call::<ListWorkflowRuns>(one(page.next_cursor))
            .await
            .unwrap();
        assert_eq!((rest.items[0].number, rest.next_cursor), (1, None));
        let eve = team.at("elsewhere", "eve");
        let page = eve.call::<ListWorkflowRuns>(Args::default()).await.unwrap();
        assert!(page.items.is_empty());
    }
}
