//! `get_job_logs`: read what a step printed.

use crate::{
    servers::cicd::{
        Cicd,
        engine::{
            log_text::{self, Error, Text},
            run::log_directory,
        },
        model::{Job, Status, Step},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetJobLogs;

/// What the caller sends.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Id of the run, from run_workflow.
    #[garde(length(chars, min = 1, max = 64))]
    pub run_id: String,
    /// Id of the job; the first that failed, or else the latest that started, if left out.
    #[garde(length(chars, min = 1, max = 100))]
    pub job: Option<String>,
    /// Number of the step, from 1 as in get_workflow_run, or its `id`; the first that failed, or else the latest that
    /// started, if left out.
    #[garde(length(chars, min = 1, max = 100))]
    pub step: Option<String>,
    /// The last so many lines: what you get, with 100, unless `from` or `grep` is given.
    #[garde(range(min = 1, max = 5000))]
    pub tail: Option<u32>,
    /// Read on from this byte: 0, or `next` of the answer before.
    pub from: Option<u64>,
    /// Only lines that match this regular expression (Rust syntax), each as `byte offset: line`, searched from `from` on.
    #[garde(length(chars, min = 1, max = 500))]
    pub grep: Option<String>,
    /// Bytes of log text in the answer: 256 to 32768, 8192 if left out.
    #[garde(range(min = 256, max = 32_768))]
    pub max_bytes: Option<u32>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Id of the job.
    pub job: String,
    /// Number of the step.
    pub step: i64,
    /// Name of the step, or the first line of its script.
    pub title: String,
    /// Where the step stands; while it is running, more output may come.
    pub status: Status,
    /// Standard output and error as they came, without terminal colours.
    pub text: String,
    /// Byte offset of the first byte of `text`; greater than asked for where the middle of a long log was dropped.
    pub from: u64,
    /// Where to go on: give it as `from`.
    pub next: u64,
    /// Bytes of output so far.
    pub total: u64,
    /// Whether more follows at `next`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Tool for GetJobLogs {
    type Server = Cicd;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_job_logs";
    const ABOUT: &'static str = "Read the output of one step of a run: its last lines (tail), a part (from), or the lines \
        that match (grep). Works while it runs. For why a run failed, get_workflow_run is shorter. Returns the text with \
        byte offsets to read on from.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Cicd, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        if args.tail.is_some() && (args.from.is_some() || args.grep.is_some()) {
            return Err(ToolError::invalid(
                "/tail",
                "give `tail`, or `from` and `grep`, not both",
            ));
        }
        let run = server.run(ctx, &args.run_id).await?;
        let jobs = server.runs.store().jobs(&run.run_id).await?;
        let job = pick_job(&jobs, args.job.as_deref())?;
        let step = pick_step(job, args.step.as_deref())?;
        let place = usize::try_from(step.number - 1).unwrap_or_default();
        let log = log_directory(
            &server.runs.directory(ctx.project(), &run.run_id),
            &job.job,
            place,
        );
        let max = args.max_bytes.unwrap_or(8192) as usize;
        let text = ctx
            .blocking(move |stop| match (args.grep, args.from) {
                (Some(pattern), from) => {
                    log_text::grep(&log, &pattern, from.unwrap_or(0), max, &|| stop.is_set())
                        .map_err(refused)
                }
                (None, Some(from)) => Ok(log_text::window(&log, from, max)?),
                (None, None) => Ok(log_text::tail(
                    &log,
                    args.tail.unwrap_or(100) as usize,
                    max,
                )?),
            })
            .await?;
        let Text {
            text,
            from,
            next,
            total,
        } = text;
        Ok(Output {
            job: job.job.clone(),
            step: step.number,
            title: step.title.clone(),
            status: step.status,
            text,
            from,
            next,
            total,
            truncated: next < total,
        })
    }
}

fn refused(error: Error) -> ToolError {
    match error {
        Error::Pattern(error) => {
            ToolError::invalid("/grep", format!("not a regular expression: {error}"))
        }
        Error::Io(error) => error.into(),
    }
}

fn pick_job<'a>(jobs: &'a [Job], wanted: Option<&str>) -> Result<&'a Job, ToolError> {
    let found = match wanted {
        Some(id) => jobs.iter().find(|job| job.job == id),
        None => jobs
            .iter()
            .find(|job| job.status == Status::Failure)
            .or_else(|| jobs.iter().rev().find(|job| job.steps.iter().any(started)))
            .or(jobs.first()),
    };
    let ids: Vec<&str> = jobs.iter().map(|job| job.job.as_str()).take(20).collect();
    found.ok_or_else(|| {
        ToolError::not_found("job", wanted.unwrap_or_default())
            .hint(format!("this run has {}", ids.join(", ")))
    })
}

fn pick_step<'a>(job: &'a Job, wanted: Option<&str>) -> Result<&'a Step, ToolError> {
    let found = match wanted {
        Some(wanted) => job.steps.iter().find(|step| match wanted.parse::<i64>() {
            Ok(number) => step.number == number,
            Err(_) => step.id.as_deref() == Some(wanted),
        }),
        None => job
            .steps
            .iter()
            .find(|step| step.status == Status::Failure)
            .or_else(|| job.steps.iter().rev().find(|step| started(step)))
            .or(job.steps.first()),
    };
    found.ok_or_else(|| {
        let hint = format!("job {} has the steps 1 to {}", job.job, job.steps.len());
        ToolError::not_found("step", wanted.unwrap_or_default()).hint(hint)
    })
}

fn started(step: &Step) -> bool {
    !matches!(step.status, Status::Queued | Status::Skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::cicd::tests::{finished, team};

    #[tokio::test]
    async fn says_which_jobs_and_steps_there_are() {
        let team = team().await;
        let run_id = finished(&team).await;
        let args = |job: &str, step: &str| Args {
            run_id: run_id.clone(),
            job: Some(job.into()),
            step: Some(step.into()),
            ..Args::default()
        };
        let job = team.call::<GetJobLogs>(args("zz", "1")).await.unwrap_err();
        assert_eq!(job.message, "job zz not found: this run has a");
        let step = team.call::<GetJobLogs>(args("a", "9")).await.unwrap_err();
        assert_eq!(step.message, "step 9 not found: job a has the steps 1 to 1");
        let both = Args {
            tail: Some(1),
            from: Some(0),
            ..args("a", "1")
        };
        assert_eq!(
            team.call::<GetJobLogs>(both).await.unwrap_err().code,
            Code::InvalidArgument
        );
        let bad = Args {
            grep: Some("(".into()),
            ..args("a", "1")
        };
        assert_eq!(
            team.call::<GetJobLogs>(bad).await.unwrap_err().code,
            Code::InvalidArgument
        );
        let checkout = team.call::<GetJobLogs>(args("a", "1")).await.unwrap();
        assert_eq!((checkout.text.as_str(), checkout.total), ("", 0));
    }
}
