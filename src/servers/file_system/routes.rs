//! Friendly REST under `/api/v1/files`.

use crate::tool::Route;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/files/content", "read_text_file"),
    Route::put("/api/v1/files/content", "write_file"),
    Route::patch("/api/v1/files/content", "edit_file"),
    Route::delete("/api/v1/files/content", "delete_file"),
    Route::get("/api/v1/files/media", "read_media_file"),
    Route::get("/api/v1/files/info", "get_file_info"),
    Route::post("/api/v1/files/patch", "apply_patch"),
    Route::post("/api/v1/files/move", "move_file"),
    Route::post("/api/v1/files/copy", "copy_file"),
    Route::get("/api/v1/files/trash", "list_trash"),
    Route::post("/api/v1/files/trash/{trash_id}/restore", "restore_file"),
    Route::get("/api/v1/files/snapshots", "list_snapshots"),
    Route::post("/api/v1/files/snapshots", "create_snapshot"),
    Route::get(
        "/api/v1/files/snapshots/{snapshot_id}/diff",
        "diff_snapshot",
    ),
    Route::post(
        "/api/v1/files/snapshots/{snapshot_id}/restore",
        "restore_snapshot",
    ),
    Route::get("/api/v1/files/list", "list_directory"),
    Route::get("/api/v1/files/tree", "directory_tree"),
    Route::get("/api/v1/files/glob", "glob"),
    Route::post("/api/v1/files/search", "search_content"),
];
