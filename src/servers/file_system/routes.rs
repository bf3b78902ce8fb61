//! Friendly REST under `/api/v1/files`.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/files/content", "read_text_file"),
    Route::put("/api/v1/files/content", "write_file"),
    Route::patch("/api/v1/files/content", "edit_file"),
    Route::get("/api/v1/files/list", "list_directory"),
    Route::post("/api/v1/files/search", "search_content"),
];
