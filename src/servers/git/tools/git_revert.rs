//! `git_revert`: take commits back.

use super::integrated::{self, Action, Output};
use crate::{
    servers::git::{
        Git,
        engine::{
            integrate::{self, Kind},
            name,
        },
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitRevert;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [
    {"required": ["revisions"], "properties": {"action": {"const": "start"}, "revisions": {"minItems": 1}}},
    {"required": ["action"], "properties": {"action": {"enum": ["continue", "abort", "skip"]}, "revisions": {"maxItems": 0}, "dry_run": {"const": false}}},
]))]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `start`; after conflicts `continue`, `skip` or `abort`.
    #[serde(default)]
    pub action: Action,
    /// To start: the commits, newest first; ranges such as `main..feature` too.
    #[serde(default)]
    #[garde(length(max = 100), inner(length(bytes, min = 1, max = 512)))]
    #[schemars(example = ["1a2b3c4"])]
    pub revisions: Vec<String>,
    /// For merge commits: against which parent, from 1, the change is taken.
    #[garde(range(min = 1, max = 16))]
    pub mainline: Option<u32>,
    /// Only tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl Tool for GitRevert {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_revert";
    const ABOUT: &'static str = "Take the changes of commits back by new commits, which is safe for a branch that others have. It stops at \
                                 conflicts: resolve them with git_resolve_conflict, then continue, skip that commit, or abort. Use git_reset to \
                                 forget commits that nobody else has. Returns status, HEAD, new commits and conflicts.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let given = !args.revisions.is_empty();
        integrated::check(args.action, "/revisions", given, args.dry_run)?;
        integrated::run(server, ctx, args.repo, args.dry_run, move |work| {
            if !given {
                return integrated::resume(work, Kind::Revert, args.action, None);
            }
            let mut commits =
                name::commits(work.repository, &args.revisions, integrate::MAX_COMMITS)?;
            // Each of a range is taken back before the one that it stands on.
            if args
                .revisions
                .iter()
                .any(|revision| revision.contains(".."))
            {
                commits.reverse();
            }
            let mainline = args.mainline.unwrap_or(0);
            integrate::pick(work, Kind::Revert, commits, mainline, args.dry_run)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn commits_and_merges_are_taken_back() {
        let ann = team().await;
        let first = save(&ann, "a", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        save(&bea, "b", "1\n").await;
        let second = save(&ann, "a", "2\n").await;
        let third = save(&ann, "a", "3\n").await;
        let text = || std::fs::read_to_string(root(&ann).join("a")).unwrap();
        let stopped = ok(&ann, "git_revert", json!({"revisions": [second]})).await;
        assert_eq!(stopped["status"], "conflicted");
        ok(&ann, "git_revert", json!({"action": "abort"})).await;
        let done = ok(
            &ann,
            "git_revert",
            json!({"revisions": [format!("{first}..HEAD")]}),
        )
        .await;
        assert_eq!(
            (done["commits"].as_array().unwrap().len(), text()),
            (2, "1\n".into())
        );
        let log = ok(&ann, "git_log", json!({})).await;
        assert_eq!(log["items"][1]["subject"], "Revert \"change a\"");
        assert_eq!(
            log["items"][1]["body"],
            format!("This reverts commit {third}.")
        );
        let merged =
            ok(&ann, "git_merge", json!({"revision": "agent/bea/work"})).await["head"].clone();
        assert_eq!(
            refused(&ann, "git_revert", json!({"revisions": [merged]}))
                .await
                .code,
            Code::InvalidArgument
        );
        ok(
            &ann,
            "git_revert",
            json!({"revisions": [merged], "mainline": 1}),
        )
        .await;
        assert!(!root(&ann).join("b").exists());
    }
}
