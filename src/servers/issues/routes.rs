//! The friendly routes.

use crate::tool::prelude::Route;

pub const ROUTES: &[Route] = &[
    Route::get("/api/v1/issues", "list_issues"),
    Route::post("/api/v1/issues", "create_issue"),
    Route::post("/api/v1/issues/claim", "claim_issue"),
    Route::get("/api/v1/issues/{number}", "get_issue"),
    Route::patch("/api/v1/issues/{number}", "update_issue"),
    Route::post("/api/v1/issues/{number}/comments", "add_issue_comment"),
    Route::post("/api/v1/issues/{number}/claim", "claim_issue"),
];
