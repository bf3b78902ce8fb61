//! Runs, jobs and steps as callers see them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

pub use super::engine::status::Status;
use crate::base::clock::Millis;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Run {
    /// The run's id.
    pub run_id: String,
    /// Number of the run in its project, from 1.
    pub number: i64,
    /// Path of the workflow file, or `inline`.
    pub workflow: String,
    /// `name` of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Repository that was checked out, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Branch, tag or commit that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", rename = "ref")]
    pub revision: Option<String>,
    /// Commit that was checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where the run stands; all but `queued` and `running` are final.
    pub status: Status,
    /// Why it stands so, where that is not in a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Agent that started it.
    pub agent: String,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub queued_ms: Millis,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<Millis>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<Millis>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Job {
    /// Id of the job in the workflow file.
    pub job: String,
    /// `name` of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ids of the jobs that came first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Where the job stands.
    pub status: Status,
    /// Why it failed, where no step did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    /// Its steps in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Number of the step in its job, from 1: `step` of get_job_logs.
    pub number: i64,
    /// `id` of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the step, or the first line of its script.
    pub title: String,
    /// Where the step stands.
    pub status: Status,
    /// Exit code of a step that failed.
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
    /// What it wrote to `GITHUB_OUTPUT`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
}
