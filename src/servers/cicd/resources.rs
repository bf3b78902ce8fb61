//! Runs as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "runs",
        "runs",
        "Workflow runs",
        "The project's workflow runs, newest first.",
        "list_workflow_runs",
    )
    .query(&["status", "workflow", "agent", "cursor"]),
    Resource::json(
        "runs/{run_id}",
        "run",
        "Workflow run",
        "One run: its jobs and steps, and why it failed.",
        "get_workflow_run",
    ),
    Resource::json(
        "runs/{run_id}/logs",
        "run-logs",
        "Logs of a run",
        "What a step of a run wrote: the first that failed, or the one that is named.",
        "get_job_logs",
    )
    .query(&["job", "step", "from"])
    .text("/text"),
];

pub(super) const COMPLETIONS: &[Completion] = &[
    Completion::of("run_id", "list_workflow_runs", "/items/*/run_id").with(&[("limit", "100")]),
    Completion::of("workflow", "list_workflow_runs", "/items/*/workflow").with(&[("limit", "100")]),
];
