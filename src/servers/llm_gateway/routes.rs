//! Friendly REST routes.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/llm/chat", "chat"),
    Route::post("/api/v1/llm/embed", "embed"),
    Route::post("/api/v1/llm/tokens", "count_tokens"),
    Route::get("/api/v1/llm/models", "list_models"),
    Route::get("/api/v1/llm/route", "explain_route"),
    Route::get("/api/v1/llm/providers", "get_provider_status"),
    Route::delete("/api/v1/llm/cache", "purge_cache"),
    Route::get("/api/v1/llm/usage", "get_usage"),
    Route::get("/api/v1/llm/requests/{request_id}", "get_request"),
    Route::get("/api/v1/llm/budgets", "get_budget"),
    Route::put("/api/v1/llm/budgets/{name}", "set_budget"),
];
