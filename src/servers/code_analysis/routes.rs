//! Friendly REST routes.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/code/outline", "outline"),
    Route::get("/api/v1/code/symbols", "find_symbol"),
];
