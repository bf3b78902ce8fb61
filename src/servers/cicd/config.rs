//! `[servers.cicd]` of config.toml.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::run::Limits;

/// Settings of the CI/CD server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Runs at the same time; further ones wait in the order they came.
    pub max_parallel_runs: usize,
    /// Runs that may wait; past it `run_workflow` is refused.
    pub max_queued_runs: usize,
    /// Jobs of one run at the same time.
    pub max_parallel_jobs: usize,
    /// Minutes for a job that names no `timeout-minutes`.
    pub job_timeout_minutes: u64,
    /// Seconds for `if: always()` steps after a cancellation or a job's timeout, together.
    pub cleanup_seconds: u64,
    /// Bytes kept of each step's output: its head and its tail.
    pub log_bytes_per_step: u64,
    /// `PATH` of steps; the hub's own unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// More environment variables for every step, e.g. `RUSTUP_HOME`. Steps see nothing else of the hub's environment.
    pub env: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_parallel_runs: 2,
            max_queued_runs: 100,
            max_parallel_jobs: 2,
            job_timeout_minutes: 60,
            cleanup_seconds: 30,
            log_bytes_per_step: 8 << 20,
            path: None,
            env: BTreeMap::new(),
        }
    }
}

impl Config {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            parallel_jobs: self.max_parallel_jobs.max(1),
            job_timeout: Duration::from_secs(self.job_timeout_minutes.max(1) * 60),
            cleanup: Duration::from_secs(self.cleanup_seconds),
            log_bytes: self.log_bytes_per_step.max(4096),
        }
    }
}
