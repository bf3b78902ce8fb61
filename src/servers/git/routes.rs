//! Friendly REST under `/api/v1/git`.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/git/init", "git_init"),
    Route::get("/api/v1/git/status", "git_status"),
    Route::post("/api/v1/git/add", "git_add"),
    Route::post("/api/v1/git/commits", "git_commit"),
    Route::get("/api/v1/git/log", "git_log"),
    Route::get("/api/v1/git/diff", "git_diff"),
    Route::get("/api/v1/git/branches", "git_list_branches"),
    Route::post("/api/v1/git/branches", "git_create_branch"),
    Route::post("/api/v1/git/checkout", "git_checkout"),
    Route::post("/api/v1/git/pulls", "create_pull_request"),
    Route::get("/api/v1/git/pulls", "list_pull_requests"),
    Route::get("/api/v1/git/pulls/{number}", "get_pull_request"),
    Route::patch("/api/v1/git/pulls/{number}", "update_pull_request"),
    Route::post("/api/v1/git/pulls/{number}/reviews", "review_pull_request"),
    Route::post("/api/v1/git/pulls/{number}/merge", "merge_pull_request"),
    Route::post("/api/v1/git/protections", "protect_branch"),
    Route::post("/api/v1/git/statuses", "set_commit_status"),
];
