//! Friendly REST routes.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/llm/chat", "chat"),
    Route::post("/api/v1/llm/embed", "embed"),
    Route::get("/api/v1/llm/models", "list_models"),
    Route::get("/api/v1/llm/usage", "get_usage"),
];
