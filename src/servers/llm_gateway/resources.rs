//! Models and usage as resources.

use crate::tool::{Cause, Change, Happened, ServerId, prelude::*};

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

/// The models, or their prices, are others now, whatever the project.
pub(super) fn models_changed() -> Change {
    Change {
        project: None,
        agent: None,
        path: "llm/models".to_owned(),
        below: false,
        cause: Cause::of(ServerId::LlmGateway, Happened::Models),
    }
}

pub(super) const COMPLETIONS: &[Completion] =
    &[Completion::of("model", "list_models", "/items/*/model").with(&[("limit", "200")])];
