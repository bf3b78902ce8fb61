//! Issues as resources.

use crate::tool::prelude::*;

pub(super) const RESOURCES: &[Resource] = &[
    Resource::json(
        "issues",
        "issues",
        "Issues",
        "The project's issues in short, newest change first.",
        "list_issues",
    )
    .query(&["state", "labels", "assignee", "text", "cursor"]),
    Resource::json(
        "issues/{number}",
        "issue",
        "Issue",
        "One issue: its fields, body, newest comments and changes, and who holds it.",
        "get_issue",
    )
    .with(&[("include", "[\"comments\",\"history\",\"claim\"]")]),
];

pub(super) const COMPLETIONS: &[Completion] = &[
    Completion::of("number", "list_issues", "/items/*/number").with(&[("limit", "100")]),
    Completion::of("labels", "list_issues", "/items/*/labels/*").with(&[("limit", "200")]),
    Completion::of("assignee", "list_issues", "/items/*/assignees/*").with(&[("limit", "200")]),
];
