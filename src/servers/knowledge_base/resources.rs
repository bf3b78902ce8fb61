//! Documents as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "knowledge",
        "documents",
        "Documents",
        "The documents of the knowledge base, newest first.",
        "list_documents",
    )
    .query(&["collection", "text", "cursor"]),
    Resource::json(
        "knowledge/search/{query}",
        "knowledge-search",
        "Search the knowledge base",
        "The passages that answer a question best, with citations.",
        "search_knowledge",
    ),
    Resource::json(
        "knowledge/{document_id}",
        "document",
        "Document",
        "The text of a document.",
        "read_knowledge",
    )
    .query(&["version", "range"])
    .with(&[("max_bytes", "40000")])
    .text("/text"),
];

pub(super) const COMPLETIONS: &[Completion] = &[
    Completion::of("document_id", "list_documents", "/items/*/document_id")
        .with(&[("limit", "100")]),
    Completion::of("collection", "list_documents", "/items/*/collection").with(&[("limit", "200")]),
];
