//! `git_compare`: how two lines of history relate.

use crate::{
    servers::git::{
        Git,
        engine::{compare, diff, name},
    },
    tool::prelude::*,
};

/// Most conflicting paths that are listed.
const MAX_LISTED: usize = 100;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitCompare;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag or commit that would take the changes, e.g. `main`.
    #[garde(length(bytes, min = 1, max = 256))]
    pub base: String,
    /// Branch, tag or commit that has them; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub head: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit of `base`.
    pub base: String,
    /// The commit of `head`.
    pub head: String,
    /// Commits that only `head` has.
    pub ahead: usize,
    /// Commits that only `base` has.
    pub behind: usize,
    /// The commit where both last were one; none for histories that never met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_base: Option<String>,
    /// Files that `head` changed since then.
    pub files_changed: usize,
    /// True when a merge of `head` into `base` needs no commit of its own.
    pub can_fast_forward: bool,
    /// True when that merge would stop at conflicts.
    pub would_conflict: bool,
    /// The paths in conflict, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
}

impl Tool for GitCompare {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_compare";
    const ABOUT: &'static str = "Compare two branches or commits: how many commits each has that the other lacks, where they last were one, \
                                 and whether a merge would conflict. Nothing is changed. Use git_diff(mode: \"range\", merge_base: true) for \
                                 the changes themselves. Returns counts and the paths in conflict.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let base = name::commit(repository, &args.base)?;
                let head = name::commit(repository, args.head.as_deref().unwrap_or("HEAD"))?;
                let sides = diff::Sides::Range {
                    from: Some(base.id().to_string()),
                    to: Some(head.id().to_string()),
                    merge_base: true,
                };
                let (found, _) = diff::compare(
                    repository,
                    session.comparer(),
                    &sides,
                    &[],
                    0,
                    None,
                    &|| stop.is_set(),
                )?;
                let files_changed = found.totals(false)?.files;
                let done = compare::compare(repository, &base, &head)?;
                Ok(Output {
                    base: base.id().to_string(),
                    head: head.id().to_string(),
                    ahead: done.ahead,
                    behind: done.behind,
                    merge_base: done.merge_base.map(|id| id.to_string()),
                    files_changed,
                    can_fast_forward: done.behind == 0,
                    would_conflict: !done.conflicts.is_empty(),
                    conflicts: done.conflicts.into_iter().take(MAX_LISTED).collect(),
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{objects, ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_conflict_is_foreseen_without_a_trace() {
        let team = team().await;
        let first = save(&team, "a", "1\n").await;
        save(&team, "b", "1\n").await;
        let ahead = ok(&team, "git_compare", json!({"base": "main"})).await;
        assert_eq!(
            (
                &ahead["ahead"],
                &ahead["behind"],
                &ahead["can_fast_forward"],
                &ahead["files_changed"]
            ),
            (&json!(1), &json!(0), &json!(true), &json!(1))
        );
        let bea = team.at("demo", "bea");
        save(&bea, "a", "bea\n").await;
        save(&bea, "c", "1\n").await;
        save(&team, "a", "ann\n").await;
        let before = objects(&team);
        let apart = ok(&team, "git_compare", json!({"base": "agent/bea/work"})).await;
        assert_eq!(
            (&apart["ahead"], &apart["behind"], &apart["merge_base"]),
            (&json!(2), &json!(2), &json!(first))
        );
        assert_eq!(
            (&apart["would_conflict"], &apart["conflicts"]),
            (&json!(true), &json!(["a"]))
        );
        assert_eq!(objects(&team), before);
        assert_eq!(
            refused(&team, "git_compare", json!({"base": "--all"}))
                .await
                .code,
            Code::InvalidArgument
        );
        assert_eq!(
            refused(&team, "git_compare", json!({"base": "nope"}))
                .await
                .code,
            Code::NotFound
        );
    }
}
