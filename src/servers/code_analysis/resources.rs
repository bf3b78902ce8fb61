//! The structure of an agent's code as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "code/outline",
        "code-outline",
        "Code outline",
        "The definitions in an agent's workspace.",
        "outline",
    )
    .query(&["repo", "depth", "cursor"])
    .own(),
    Resource::json(
        "code/outline/{+path}",
        "file-outline",
        "Outline of a file",
        "The definitions in a file or below a directory.",
        "outline",
    )
    .query(&["repo", "depth", "cursor"])
    .own(),
    Resource::json(
        "code/symbols/{query}",
        "symbols",
        "Symbols",
        "Definitions by name.",
        "find_symbol",
    )
    .query(&["repo", "kind", "cursor"])
    .own(),
];

pub(super) const COMPLETIONS: &[Completion] = &[];
