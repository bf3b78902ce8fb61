//! Friendly REST routes.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/cicd/runs", "run_workflow"),
    Route::get("/api/v1/cicd/runs", "list_workflow_runs"),
    Route::get("/api/v1/cicd/runs/{run_id}", "get_workflow_run"),
    Route::get("/api/v1/cicd/runs/{run_id}/logs", "get_job_logs"),
    Route::post("/api/v1/cicd/runs/{run_id}/cancel", "cancel_workflow_run"),
];
