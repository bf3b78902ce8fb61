//! Models and usage as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "llm/models",
        "models",
        "Models",
        "The models that can be called, with their prices where they are known.",
        "list_models",
    )
    .query(&["cursor"]),
    Resource::json(
        "llm/usage",
        "usage",
        "Model usage",
        "What the project's calls of models came to.",
        "get_usage",
    )
    .query(&["group_by", "from", "to", "cursor"]),
];

pub(super) const COMPLETIONS: &[Completion] =
    &[Completion::of("model", "list_models", "/items/*/model").with(&[("limit", "200")])];
