//! Why a run failed, in one short answer.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    engine::{log_text, run::log_directory},
    model::{Job, Status},
};
use crate::tool::{Ctx, ToolError};

/// Lines and bytes of the log that are shown.
const LINES: usize = 30;
const BYTES: usize = 4096;

/// The first step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// Id of the job.
    pub job: String,
    /// Number of the step in its job: `step` of get_job_logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// Name of the step, or the first line of its script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Number of the signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i64>,
    /// Whether it was killed for taking too long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// What went wrong besides its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The last lines of its output.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub log_tail: String,
}

/// The first failure among `jobs`, with the end of its log from the run's `directory`.
pub async fn first(
    ctx: &Ctx,
    directory: &Path,
    jobs: &[Job],
) -> Result<Option<Failure>, ToolError> {
    let Some(job) = jobs.iter().find(|job| job.status == Status::Failure) else {
        return Ok(None);
    };
    let mut failure = Failure {
        job: job.job.clone(),
        step: None,
        title: None,
        exit_code: None,
        signal: None,
        timed_out: false,
        message: job.message.clone(),
        log_tail: String::new(),
    };
    if let Some(step) = job.steps.iter().find(|step| step.status == Status::Failure) {
        let log = log_directory(
            directory,
            &job.job,
            usize::try_from(step.number - 1).unwrap_or_default(),
        );
        let tail = ctx
            .blocking(move |_| Ok(log_text::tail(&log, LINES, BYTES)?))
            .await?;
        failure = Failure {
            step: Some(step.number),
            title: Some(step.title.clone()),
            exit_code: step.exit_code,
            signal: step.signal,
            timed_out: step.timed_out,
            message: step.message.clone().or(failure.message),
            log_tail: tail.text,
            ..failure
        };
    }
    Ok(Some(failure))
}
