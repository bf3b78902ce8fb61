//! `run_workflow`: start a workflow on a commit.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use crate::{
    base::ids::new_id,
    servers::{
        cicd::{
            Cicd,
            engine::workflow::{self, Refused, Workflow},
            failure::{self, Failure},
            inputs,
            model::Run,
            runs::Runs,
            store::NewRun,
            tree,
        },
        git::tools::git_export_tree,
    },
    tool::prelude::*,
};

/// What is left of a task's time for its answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct RunWorkflow;

/// What the caller sends.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [{"required": ["workflow"]}, {"required": ["inline"]}]))]
pub struct Args {
    /// Workflow file of the commit: a path such as `.github/workflows/ci.yml`, or its file name, looked for in
    /// `.syndarix/workflows` first. Give this or `inline`.
    #[garde(length(chars, min = 1, max = 200))]
    pub workflow: Option<String>,
    /// The workflow itself as YAML, run on the commit's tree. Give this or `workflow`.
    #[garde(length(bytes, min = 1, max = 524_288))]
    pub inline: Option<String>,
    /// Repository to check out; the project's default one if left out.
    pub repo: Option<RepoName>,
    /// Branch, tag or commit to check out; the default branch if left out.
    #[serde(rename = "ref")]
    #[garde(length(chars, min = 1, max = 250))]
    pub revision: Option<String>,
    /// Inputs: steps find each as the environment variable `INPUT_<NAME>`, upper case, other characters as `_`.
    #[serde(default)]
    #[garde(length(max = 50))]
    pub inputs: BTreeMap<String, String>,
    /// Repeat a call with the same key and it is answered with the same run, not run again.
    #[garde(length(chars, min = 1, max = 100))]
    pub idempotency_key: Option<String>,
    /// Wait this many milliseconds for the run to end before answering, at most 45000; with 0 the answer comes at once.
    #[serde(default)]
    #[garde(range(max = 45_000))]
    pub wait_ms: u64,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The run; `status` says whether it has ended.
    #[serde(flatten)]
    pub run: Run,
    /// The first step that failed, if one did before the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Whether the run was started by an earlier call with the same idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

impl Tool for RunWorkflow {
    type Server = Cicd;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "run_workflow";
    const ABOUT: &'static str = "Run a GitHub-Actions-syntax workflow on a commit of the project: a file of that commit, or \
        inline YAML. Jobs run as processes on this machine; `uses` other than actions/checkout, `${{ }}`, matrix, \
        containers and services are refused with their line before anything starts. Returns the run with its id: at \
        once, or after up to wait_ms with the first failure; a call that is cancelled while it waits cancels the run. Follow it with get_workflow_run, read output with \
        get_job_logs.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(120);
    const TASK: Option<Duration> = Some(Duration::from_hours(6));

    async fn run(server: &Cicd, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let hash = request_hash(&args);
        if let Some(run) = earlier(server, ctx, &args, &hash).await? {
            return answer(server, ctx, &run, args.wait_ms, true).await;
        }
        if server.runs.is_full() {
            let full = ToolError::unavailable("too many runs are waiting");
            return Err(full
                .hint("try again later")
                .retry_after(Duration::from_secs(30)));
        }
        let inline = match (&args.workflow, &args.inline) {
            (Some(_), None) => None,
            (None, Some(text)) => Some(read("inline", text, "/inline")?),
            _ => {
                return Err(ToolError::invalid(
                    "/workflow",
                    "give either `workflow` or `inline`",
                ));
            }
        };
        let run_id = new_id("run");
        let scratch = Scratch(Some(server.runs.directory(ctx.project(), &run_id)));
        let work = server.runs.directory(ctx.project(), &run_id).join("work");
        let wanted = git_export_tree::Args {
            repo: args.repo.clone(),
            revision: args.revision.clone(),
            run: run_id.clone(),
        };
        let may_be_empty = inline.is_some() && args.revision.is_none();
        let commit = tree::export(ctx, wanted, may_be_empty, &work).await?;
        let (file, workflow) = match (inline, args.workflow.clone()) {
            (None, Some(name)) => {
                let (file, text) = ctx.blocking(move |_| tree::find(&work, &name)).await?;
                let workflow = read(&file, &text, "/workflow")?;
                (file, workflow)
            }
            (workflow, _) => (
                "inline".to_owned(),
                workflow.ok_or_else(|| ToolError::internal("no workflow"))?,
            ),
        };
        let run = NewRun {
            id: run_id.clone(),
            scope: ctx.scope().clone(),
            workflow: file,
            repo: args.repo.as_ref().map(ToString::to_string),
            revision: args.revision.clone(),
            commit,
            idempotency_key: args.idempotency_key.clone(),
            request_hash: hash.clone(),
            owner: String::new(),
        };
        if server
            .runs
            .queue(run, workflow, inputs::vars(&args.inputs)?)
            .await?
        {
            scratch.keep();
            return answer(server, ctx, &run_id, args.wait_ms, false).await;
        }
        // Another call with the same key was faster.
        match earlier(server, ctx, &args, &hash).await? {
            Some(run) => answer(server, ctx, &run, args.wait_ms, true).await,
            None => {
                Err(ToolError::conflict("the idempotency key is in use").hint("repeat the call"))
            }
        }
    }
}

/// The run that the caller's idempotency key stands for.
async fn earlier(
    server: &Cicd,
    ctx: &Ctx,
    args: &Args,
    hash: &str,
) -> Result<Option<String>, ToolError> {
    let Some(key) = &args.idempotency_key else {
        return Ok(None);
    };
    match server.runs.store().by_key(ctx.scope(), key).await? {
        Some((_, other)) if other != hash => Err(ToolError::invalid(
            "/idempotency_key",
            "was used for another request: use a new key, or repeat the request unchanged",
        )),
        found => Ok(found.map(|(run, _)| run)),
    }
}

async fn answer(
    server: &Cicd,
    ctx: &Ctx,
    id: &str,
    wait_ms: u64,
    replayed: bool,
) -> Result<Output, ToolError> {
    let waits = ctx.is_task() || wait_ms > 0;
    let until = if ctx.is_task() {
        // Its client asks for the end, however far off it is.
        ctx.deadline() - ANSWER
    } else {
        Instant::now() + Duration::from_millis(wait_ms)
    };
    wait(server, ctx, id, until).await;
    let run = server.runs.store().run(ctx.project(), id).await?;
    let run = run.ok_or_else(|| ToolError::not_found("run", id))?;
    let mut failure = None;
    if waits {
        let jobs = server.runs.store().jobs(id).await?;
        failure = failure::first(ctx, &server.runs.directory(ctx.project(), id), &jobs).await?;
    }
    Ok(Output {
        run,
        failure,
        replayed,
    })
}

/// Waits for the end of a run of this process, telling the caller how far it is.
async fn wait(server: &Cicd, ctx: &Ctx, id: &str, until: Instant) {
    let Some(mut progress) = server.runs.progress(id) else {
        return;
    };
    let _with_the_call = CancelWith {
        runs: &server.runs,
        ctx,
        id,
    };
    loop {
        let now = progress.borrow_and_update().clone();
        if now.ended || Instant::now() >= until {
            return;
        }
        ctx.log(Level::Info, format!("run {id}: {}", now.what));
        ctx.progress(now.done as f64, Some(now.total as f64), now.what);
        if !matches!(timeout_at(until, progress.changed()).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Cancels a run whose caller cancelled the call that waited for it.
struct CancelWith<'a> {
    runs: &'a Runs,
    ctx: &'a Ctx,
    id: &'a str,
}

impl Drop for CancelWith<'_> {
    fn drop(&mut self) {
        if !self.ctx.cancel().is_cancelled() {
            return;
        }
        let (runs, project) = (self.runs.clone(), self.ctx.project().clone());
        let id = self.id.to_owned();
        tokio::spawn(async move {
            if let Err(error) = runs.cancel(&project, &id).await {
                tracing::warn!(%error, run = id, "a run was not cancelled with its call");
            }
        });
    }
}

fn read(file: &str, text: &str, pointer: &str) -> Result<Workflow, ToolError> {
    workflow::parse(file, text).map_err(|refused| unsupported(&refused, pointer))
}

/// Every problem with its place, in the message as far as it is short and in full as data.
fn unsupported(refused: &Refused, pointer: &str) -> ToolError {
    let shown: Vec<String> = refused.lines().take(10).collect();
    let more = match refused.problems.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!("\n… and {more} more"),
    };
    let problems: Vec<_> = refused
        .problems
        .iter()
        .map(|problem| {
            json!({"file": refused.file, "line": problem.at.line, "column": problem.at.column, "message": problem.message})
        })
        .collect();
    let message = format!(
        "the workflow cannot be run here:\n{}{more}",
        shown.join("\n")
    );
    ToolError::invalid(pointer, message).details(json!({ "problems": problems }))
}

/// Everything but how long the caller waits.
fn request_hash(args: &Args) -> String {
    let mut request = serde_json::to_value(args).unwrap_or_default();
    if let Some(request) = request.as_object_mut() {
        request.remove("wait_ms");
    }
    format!("{:x}", Sha256::digest(request.to_string()))
}

/// The directory of a run that may not come to be: removed unless kept.
struct Scratch(Option<PathBuf>);

impl Scratch {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(directory) = self.0.take() {
            tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::cicd::{model::Status, tests::team};

    fn inline(steps: &str) -> Args {
        let text = format!("jobs:\n  a:\n    runs-on: x\n    steps:\n{steps}");
        Args {
            inline: Some(text),
            wait_ms: 20_000,
            ..Args::default()
        }
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_refused_with_its_place_and_leaves_nothing() {
        let team = team().await;
        let error = team
            .call::<RunWorkflow>(inline("      - uses: a/b@v1\n"))
            .await
            .unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert!(
            error
                .message
                .contains("inline:5:15: `uses: a/b@v1` is not supported"),
            "{}",
            error.message
        );
        assert_eq!(error.details.unwrap()["problems"][0]["line"], 5);
        let both = Args {
            workflow: Some("ci".into()),
            ..inline("")
        };
        assert_eq!(
            team.call::<RunWorkflow>(both).await.unwrap_err().code,
            Code::InvalidArgument
        );
        let missing = Args {
            workflow: Some("ci".into()),
            ..Args::default()
        };
        assert_eq!(
            team.call::<RunWorkflow>(missing).await.unwrap_err().code,
            Code::Conflict,
            "there is no repository yet"
        );
    }

    #[tokio::test]
    async fn without_a_supervisor_the_run_still_ends() {
        let team = team().await;
        let done = team
            .call::<RunWorkflow>(inline("      - run: echo hi\n"))
            .await
            .unwrap();
        assert_eq!(done.run.status, Status::Failure);
        let failure = done.failure.unwrap();
        assert_eq!((failure.job.as_str(), failure.step), ("a", Some(1)));
    }

    #[tokio::test]
    async fn the_same_key_answers_with_the_same_run() {
        let team = team().await;
        let keyed = |steps| Args {
            idempotency_key: Some("k".into()),
            ..inline(steps)
        };
        let once = team
            .call::<RunWorkflow>(keyed("      - uses: actions/checkout@v4\n"))
            .await
            .unwrap();
        assert_eq!((once.run.status, once.replayed), (Status::Success, false));
        let again = team
            .call::<RunWorkflow>(keyed("      - uses: actions/checkout@v4\n"))
            .await
            .unwrap();
        assert_eq!((again.run.run_id, again.replayed), (once.run.run_id, true));
        let other = team
            .call::<RunWorkflow>(keyed("      - run: x\n"))
            .await
            .unwrap_err();
        assert_eq!(other.code, Code::InvalidArgument);
    }
}
