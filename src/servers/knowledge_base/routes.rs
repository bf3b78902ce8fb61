//! The friendly routes.

use crate::tool::prelude::Route;

pub const ROUTES: &[Route] = &[
    Route::post("/api/v1/knowledge/search", "search_knowledge"),
    Route::post("/api/v1/knowledge/context", "get_context"),
    Route::get("/api/v1/knowledge/documents", "list_documents"),
    Route::post("/api/v1/knowledge/documents", "add_document"),
    Route::post("/api/v1/knowledge/documents/batch", "add_documents"),
    Route::post("/api/v1/knowledge/sources/sync", "sync_source"),
    Route::get("/api/v1/knowledge/jobs/{id}", "get_knowledge_job"),
    Route::post("/api/v1/knowledge/jobs/{id}", "get_knowledge_job"),
    Route::get("/api/v1/knowledge/documents/{document_id}", "get_document"),
    Route::post("/api/v1/knowledge/read", "read_knowledge"),
    Route::patch(
        "/api/v1/knowledge/documents/{document_id}",
        "update_document",
    ),
    Route::get("/api/v1/knowledge/export", "export_knowledge"),
    Route::get("/api/v1/knowledge/stats", "knowledge_stats"),
    Route::post("/api/v1/knowledge/verify", "verify_knowledge"),
    Route::post("/api/v1/knowledge/reindex", "reindex_knowledge"),
    Route::delete(
        "/api/v1/knowledge/documents/{document_id}",
        "delete_document",
    ),
    Route::get("/api/v1/memories", "recall_memory"),
    Route::post("/api/v1/memories", "save_memory"),
    Route::delete("/api/v1/memories/{memory_id}", "forget_memory"),
];
