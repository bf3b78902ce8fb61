//! `git_cherry_pick`: bring single commits in.

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
pub struct GitCherryPick;

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
    /// To start: the commits, oldest first; ranges such as `main..feature` too.
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

impl Tool for GitCherryPick {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_cherry_pick";
    const ABOUT: &'static str = "Bring the changes of single commits into your branch, each as a commit of its own with its author and message. \
                                 It stops at conflicts: resolve them with git_resolve_conflict, then continue, skip that commit, or abort. Use \
                                 git_merge for all that a branch has. Returns status, HEAD, new commits and conflicts.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let given = !args.revisions.is_empty();
        integrated::check(args.action, "/revisions", given, args.dry_run)?;
        integrated::run(server, ctx, args.repo, args.dry_run, move |work| {
            if !given {
                return integrated::resume(work, Kind::CherryPick, args.action, None);
            }
            let commits = name::commits(work.repository, &args.revisions, integrate::MAX_COMMITS)?;
            let mainline = args.mainline.unwrap_or(0);
            integrate::pick(work, Kind::CherryPick, commits, mainline, args.dry_run)
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
    async fn single_commits_and_ranges_come_in_with_their_authors() {
        let ann = team().await;
        save(&ann, "a", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        let one = save(&bea, "one", "1\n").await;
        save(&bea, "two", "1\n").await;
        let conflicting = save(&bea, "a", "bea\n").await;
        save(&bea, "three", "1\n").await;
        save(&ann, "a", "ann\n").await;
        let picked = ok(&ann, "git_cherry_pick", json!({"revisions": [one]})).await;
        let shown = ok(&ann, "git_show", json!({})).await;
        assert_eq!(
            (
                &picked["commits"],
                &shown["author"]["who"],
                &shown["committer"]["who"]
            ),
            (
                &json!([shown["commit"]]),
                &json!("bea <bea@demo.syndarix.local>"),
                &json!("ann <ann@demo.syndarix.local>")
            )
        );
        let range = json!({"revisions": [format!("{one}..agent/bea/work")]});
        let stopped = ok(&ann, "git_cherry_pick", range).await;
        assert_eq!(
            (
                &stopped["status"],
                &stopped["current"],
                &stopped["commits_left"]
            ),
            (&json!("conflicted"), &json!(conflicting), &json!(1))
        );
        assert!(root(&ann).join("two").exists() && !root(&ann).join("three").exists());
        let done = ok(&ann, "git_cherry_pick", json!({"action": "skip"})).await;
        assert_eq!(
            (&done["status"], done["commits"].as_array().unwrap().len()),
            (&json!("done"), 2)
        );
        assert_eq!(
            std::fs::read_to_string(root(&ann).join("a")).unwrap(),
            "ann\n"
        );
        assert_eq!(
            ok(&ann, "git_cherry_pick", json!({"revisions": [one]})).await["status"],
            "up_to_date"
        );
        for (args, code) in [
            (json!({}), Code::InvalidArgument),
            (json!({"revisions": ["-x"]}), Code::InvalidArgument),
            (json!({"revisions": ["a..-x"]}), Code::InvalidArgument),
            (json!({"revisions": ["nope"]}), Code::NotFound),
            (
                json!({"revisions": [one], "mainline": 1}),
                Code::InvalidArgument,
            ),
        ] {
            assert_eq!(
                refused(&ann, "git_cherry_pick", args.clone()).await.code,
                code,
                "{args}"
            );
        }
    }
}
