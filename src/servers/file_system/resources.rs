//! The files of an agent's workspace as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "files",
        "files",
        "Files",
        "What lies at the top of an agent's workspace.",
        "list_directory",
    )
    .query(&["repo", "path", "cursor"])
    .own(),
    Resource::json(
        "files/{+path}",
        "file",
        "File",
        "The text of a file in an agent's workspace.",
        "read_text_file",
    )
    .query(&["repo", "offset", "limit"])
    .text("/content")
    .own(),
];

pub(super) const COMPLETIONS: &[Completion] =
    &[Completion::of("path", "list_directory", "/items/*/name")
        .with(&[("limit", "200")])
        .within("path")];
