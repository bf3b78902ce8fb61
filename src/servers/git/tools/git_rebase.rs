//! `git_rebase`: put your commits on top of another.

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
pub struct GitRebase;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [
    {"required": ["onto"], "properties": {"action": {"const": "start"}}},
    {"required": ["action"], "properties": {"action": {"enum": ["continue", "abort", "skip"]}, "dry_run": {"const": false}}, "not": {"required": ["onto"]}},
]))]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `start`; after conflicts `continue`, `skip` or `abort`.
    #[serde(default)]
    pub action: Action,
    /// To start: the branch or commit to put your commits on, e.g. `main`.
    #[garde(length(bytes, min = 1, max = 256))]
    pub onto: Option<String>,
    /// Only tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl Tool for GitRebase {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_rebase";
    const ABOUT: &'static str = "Make the commits of your branch that another lacks anew on top of it, one after the other; merge commits \
                                 among them are left out, and commits whose change is there already. It stops at conflicts: resolve them with \
                                 git_resolve_conflict, then continue, skip that commit, or abort. Use git_merge for a branch that others \
                                 build on. Returns status, HEAD, new commits and conflicts.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        integrated::check(args.action, "/onto", args.onto.is_some(), args.dry_run)?;
        integrated::run(server, ctx, args.repo, args.dry_run, move |work| {
            let Some(onto) = args.onto.as_deref() else {
                return integrated::resume(work, Kind::Rebase, args.action, None);
            };
            let onto = name::commit(work.repository, onto)?;
            integrate::rebase(work, &onto, args.dry_run)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ok, refused, root, save, team};
    use crate::{test::Team, tool::Code};

    async fn subjects(team: &Team) -> Vec<String> {
        let log = ok(team, "git_log", json!({})).await;
        let items = log["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["subject"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Ann has changed `x`, `a`, `y`; bea has changed `a` and `b`.
    async fn apart() -> (Team, String) {
        let ann = team().await;
        save(&ann, "a", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        save(&bea, "a", "bea\n").await;
        save(&bea, "b", "bea\n").await;
        save(&ann, "x", "1\n").await;
        save(&ann, "a", "ann\n").await;
        let head = save(&ann, "y", "1\n").await;
        (ann, head)
    }

    fn onto() -> Value {
        json!({"onto": "agent/bea/work"})
    }

    #[tokio::test]
    async fn commits_go_on_top_and_what_is_there_is_left_out() {
        let ann = team().await;
        save(&ann, "a", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        save(&bea, "same", "1\n").await;
        let base = save(&bea, "b", "1\n").await;
        save(&ann, "same", "1\n").await;
        save(&ann, "x", "1\n").await;
        let trial = ok(
            &ann,
            "git_rebase",
            json!({"onto": "agent/bea/work", "dry_run": true}),
        )
        .await;
        assert_eq!(trial["status"], "done");
        assert_eq!(
            subjects(&ann).await,
            ["change x", "change same", "change a"]
        );
        let done = ok(&ann, "git_rebase", onto()).await;
        assert_eq!(
            (
                done["commits"].as_array().unwrap().len(),
                &done["commits"][0]
            ),
            (1, &done["head"])
        );
        assert_eq!(
            subjects(&ann).await,
            ["change x", "change b", "change same", "change a"]
        );
        let shown = ok(&ann, "git_show", json!({})).await;
        assert_eq!(
            (&shown["parents"], &shown["author"]["who"]),
            (&json!([base]), &json!("ann <ann@demo.syndarix.local>"))
        );
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (&status["branch"], &status["clean"]),
            (&json!("agent/ann/work"), &json!(true))
        );
        assert_eq!(ok(&ann, "git_rebase", onto()).await["status"], "up_to_date");
        for bad in [
            json!({}),
            json!({"onto": "-i"}),
            json!({"onto": "main", "action": "skip"}),
        ] {
            assert_eq!(
                refused(&ann, "git_rebase", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn a_conflict_is_resolved_on_the_way() {
        let (ann, _) = apart().await;
        let stopped = ok(&ann, "git_rebase", onto()).await;
        assert_eq!(
            (
                &stopped["status"],
                &stopped["commits_left"],
                &stopped["conflicts"][0]["path"]
            ),
            (&json!("conflicted"), &json!(1), &json!("a"))
        );
        assert_eq!(
            stopped["conflicts"][0]["hunks"][0],
            json!({"line": 1, "base": "1\n", "ours": "bea\n", "theirs": "ann\n"})
        );
        assert_eq!(ok(&ann, "git_status", json!({})).await["detached"], true);
        ok(
            &ann,
            "git_resolve_conflict",
            json!({"path": "a", "content": "both\n"}),
        )
        .await;
        let done = ok(&ann, "git_rebase", json!({"action": "continue"})).await;
        assert_eq!(
            (&done["status"], done["commits"].as_array().unwrap().len()),
            (&json!("done"), 3)
        );
        assert_eq!(
            subjects(&ann).await,
            [
                "change y", "change a", "change x", "change b", "change a", "change a"
            ]
        );
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (
                &status["branch"],
                &status["clean"],
                status.get("in_progress")
            ),
            (&json!("agent/ann/work"), &json!(true), None)
        );
        assert_eq!(
            std::fs::read_to_string(root(&ann).join("a")).unwrap(),
            "both\n"
        );
    }

    #[tokio::test]
    async fn it_skips_and_aborts() {
        let (ann, head) = apart().await;
        ok(&ann, "git_rebase", onto()).await;
        let aborted = ok(&ann, "git_rebase", json!({"action": "abort"})).await;
        assert_eq!(aborted, json!({"status": "aborted", "head": head}));
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (&status["branch"], &status["head"], &status["clean"]),
            (&json!("agent/ann/work"), &json!(head), &json!(true))
        );
        assert!(!root(&ann).join("b").exists());
        ok(&ann, "git_rebase", onto()).await;
        let done = ok(&ann, "git_rebase", json!({"action": "skip"})).await;
        assert_eq!(
            (&done["status"], done["commits"].as_array().unwrap().len()),
            (&json!("done"), 2)
        );
        assert_eq!(
            subjects(&ann).await,
            ["change y", "change x", "change b", "change a", "change a"]
        );
        assert_eq!(ok(&ann, "git_status", json!({})).await["clean"], true);
    }

    #[tokio::test]
    async fn a_branch_that_moved_meanwhile_is_not_overwritten() {
        let (ann, head) = apart().await;
        ok(&ann, "git_rebase", onto()).await;
        let bare = git2::Repository::open_bare(super::super::testing::git_dir(&ann)).unwrap();
        let main = bare.refname_to_id("refs/heads/main").unwrap();
        bare.reference("refs/heads/agent/ann/work", main, true, "moved")
            .unwrap();
        ok(
            &ann,
            "git_resolve_conflict",
            json!({"path": "a", "side": "theirs"}),
        )
        .await;
        assert_eq!(
            refused(&ann, "git_rebase", json!({"action": "continue"}))
                .await
                .code,
            Code::Conflict
        );
        assert_eq!(
            bare.refname_to_id("refs/heads/agent/ann/work").unwrap(),
            main
        );
        assert_ne!(main.to_string(), head);
    }
}
