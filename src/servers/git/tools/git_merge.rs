//! `git_merge`: bring a branch in.

use super::integrated::{self, Action, Output};
use crate::{
    servers::git::{
        Git,
        engine::{
            integrate::{self, FastForward, Kind},
            name,
        },
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitMerge;

/// Whether a merge makes a commit of its own where it need not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Forward {
    /// Only when both sides have commits.
    #[default]
    Auto,
    /// Always.
    Never,
    /// Never: refuse instead.
    Only,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [
    {"required": ["revision"], "properties": {"action": {"const": "start"}}},
    {"required": ["action"], "properties": {"action": {"enum": ["continue", "abort", "skip"]}, "dry_run": {"const": false}}, "not": {"required": ["revision"]}},
]))]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `start`; after conflicts `continue` or `abort`.
    #[serde(default)]
    pub action: Action,
    /// To start: the branch, tag or commit to bring in.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// Message of the merge commit; `Merge <revision> into <branch>` when left out.
    #[garde(
        length(bytes, min = 1, max = 65_536),
        inner(custom(super::git_commit::no_nul))
    )]
    pub message: Option<String>,
    /// `auto` moves your branch without a merge commit where it can, `never` always makes one, `only` refuses where it would
    /// have to.
    #[serde(default)]
    pub fast_forward: Forward,
    /// Only tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl Tool for GitMerge {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_merge";
    const ABOUT: &'static str = "Merge another branch or commit into your branch. It stops at conflicts and lists them; resolve each with \
                                 git_resolve_conflict, then call again with action continue, or abort to be where you were. Use git_rebase to \
                                 put your commits on top instead, dry_run to see what would happen. Returns status, HEAD and conflicts.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        integrated::check(
            args.action,
            "/revision",
            args.revision.is_some(),
            args.dry_run,
        )?;
        let forward = match args.fast_forward {
            Forward::Auto => FastForward::Auto,
            Forward::Never => FastForward::Never,
            Forward::Only => FastForward::Only,
        };
        integrated::run(server, ctx, args.repo, args.dry_run, move |work| {
            let message = args.message.as_deref();
            let Some(revision) = args.revision.as_deref() else {
                return integrated::resume(work, Kind::Merge, args.action, message);
            };
            let theirs = name::commit(work.repository, revision)?;
            integrate::merge(work, &theirs, revision, message, forward, args.dry_run)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{objects, ok, refused, root, save, team, write};
    use crate::{test::Team, tool::Code};

    fn text(team: &Team, path: &str) -> String {
        std::fs::read_to_string(root(team).join(path)).unwrap_or_default()
    }

    /// Ann and bea from one commit on, each with a change of their own to `a`, `gone` and another file.
    async fn apart() -> (Team, Team) {
        let ann = team().await;
        write(&ann, "gone", "1\n");
        save(&ann, "a", "1\n2\n3\n4\n5\n6\n7\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        write(&bea, "gone", "bea\n");
        write(&bea, "b", "bea\n");
        save(&bea, "a", "1\nbea\n3\n4\n5\n6\nbea\n").await;
        std::fs::remove_file(root(&ann).join("gone")).unwrap();
        write(&ann, "c", "ann\n");
        save(&ann, "a", "0\n1\nann\n3\n4\n5\n6\n7\n").await;
        (ann, bea)
    }

    fn merge() -> Value {
        json!({"revision": "agent/bea/work"})
    }

    #[tokio::test]
    async fn without_conflicts_branches_come_together() {
        let ann = team().await;
        let first = save(&ann, "a", "1\n").await;
        let bea = ann.at("demo", "bea");
        assert_eq!(
            ok(&ann, "git_merge", json!({"revision": "main"})).await["status"],
            "up_to_date"
        );
        let second = save(&bea, "b", "1\n").await;
        let forward = ok(&ann, "git_merge", merge()).await;
        assert_eq!(forward, json!({"status": "fast_forwarded", "head": second}));
        assert_eq!(text(&ann, "b"), "1\n");
        save(&bea, "b", "2\n").await;
        let third = save(&ann, "a", "2\n").await;
        let only = json!({"revision": "agent/bea/work", "fast_forward": "only"});
        assert_eq!(refused(&ann, "git_merge", only).await.code, Code::Conflict);
        write(&ann, "unrelated", "local");
        let before = objects(&ann);
        let trial = ok(
            &ann,
            "git_merge",
            json!({"revision": "agent/bea/work", "dry_run": true}),
        )
        .await;
        assert_eq!(trial, json!({"status": "done", "dry_run": true}));
        assert_eq!((objects(&ann), text(&ann, "b")), (before, "1\n".into()));
        let done = ok(&ann, "git_merge", merge()).await;
        let shown = ok(&ann, "git_show", json!({})).await;
        assert_eq!(
            (&done["status"], &done["head"], &done["commits"]),
            (&json!("done"), &shown["commit"], &json!([shown["commit"]]))
        );
        assert_eq!(
            shown["message"],
            "Merge agent/bea/work into agent/ann/work\n"
        );
        assert_eq!(
            (
                &shown["parents"][0],
                text(&ann, "b"),
                text(&ann, "unrelated")
            ),
            (&json!(third), "2\n".into(), "local".into())
        );
        assert_eq!(
            ok(&ann, "git_log", json!({"first_parent": true})).await["items"][2]["commit"],
            second
        );
        let _ = first;
    }

    #[tokio::test]
    async fn conflicts_are_told_resolved_and_merged() {
        let (ann, _) = apart().await;
        let before = objects(&ann);
        let trial = ok(
            &ann,
            "git_merge",
            json!({"revision": "agent/bea/work", "dry_run": true}),
        )
        .await;
        assert_eq!(
            (&trial["status"], objects(&ann), text(&ann, "b")),
            (&json!("conflicted"), before, String::new())
        );
        let stopped = ok(&ann, "git_merge", merge()).await;
        let like = json!({"path": "a", "kind": "both_modified", "hunks": [{"line": 3, "base": "2\n", "ours": "ann\n", "theirs": "bea\n"}]});
        for key in ["path", "kind", "hunks"] {
            assert_eq!(stopped["conflicts"][0][key], like[key]);
        }
        assert_eq!(
            (
                &stopped["conflicts"][1]["path"],
                &stopped["conflicts"][1]["kind"]
            ),
            (&json!("gone"), &json!("deleted_by_us"))
        );
        assert_eq!(stopped["conflicts"], trial["conflicts"]);
        assert!(
            text(&ann, "a").contains("<<<<<<< ours\nann\n||||||| base\n2\n=======\nbea\n>>>>>>> "),
            "{}",
            text(&ann, "a")
        );
        assert!(
            text(&ann, "a").ends_with("6\nbea\n"),
            "what did not conflict is merged"
        );
        assert_eq!(
            (text(&ann, "b"), text(&ann, "c"), text(&ann, "gone")),
            ("bea\n".into(), "ann\n".into(), "bea\n".into())
        );

        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(status["in_progress"], "merge");
        for (tool, args) in [
            ("git_merge", json!({"action": "continue"})),
            ("git_merge", merge()),
            ("git_commit", json!({"message": "x"})),
            ("git_checkout", json!({"target": "main"})),
            ("git_rebase", json!({"action": "continue"})),
            ("git_merge", json!({"action": "skip"})),
        ] {
            let error = refused(&ann, tool, args.clone()).await;
            assert!(
                matches!(error.code, Code::Conflict | Code::InvalidArgument),
                "{tool} {args}"
            );
        }
        let left = ok(
            &ann,
            "git_resolve_conflict",
            json!({"path": "gone", "side": "ours"}),
        )
        .await;
        assert_eq!(
            (&left["left"], text(&ann, "gone")),
            (&json!(["a"]), String::new())
        );
        let none = ok(
            &ann,
            "git_resolve_conflict",
            json!({"path": "a", "content": "both\n"}),
        )
        .await;
        assert_eq!(none.get("left"), None);
        assert_eq!(
            refused(
                &ann,
                "git_resolve_conflict",
                json!({"path": "a", "side": "ours"})
            )
            .await
            .code,
            Code::NotFound
        );
        let done = ok(
            &ann,
            "git_merge",
            json!({"action": "continue", "message": "Both"}),
        )
        .await;
        let shown = ok(&ann, "git_show", json!({})).await;
        assert_eq!(
            (
                &done["head"],
                &shown["message"],
                shown["parents"].as_array().unwrap().len()
            ),
            (&shown["commit"], &json!("Both\n"), 2)
        );
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (&status["clean"], status.get("in_progress"), text(&ann, "a")),
            (&json!(true), None, "both\n".into())
        );
        assert_eq!(
            refused(&ann, "git_merge", json!({"action": "continue"}))
                .await
                .code,
            Code::Conflict
        );
    }

    #[tokio::test]
    async fn an_aborted_merge_leaves_all_as_it_was() {
        let (ann, _) = apart().await;
        let head = ok(&ann, "git_status", json!({})).await["head"].clone();
        write(&ann, "unrelated", "local");
        ok(&ann, "git_merge", merge()).await;
        ok(
            &ann,
            "git_resolve_conflict",
            json!({"path": "a", "side": "theirs"}),
        )
        .await;
        assert_eq!(text(&ann, "a"), "1\nbea\n3\n4\n5\n6\nbea\n");
        let done = ok(&ann, "git_merge", json!({"action": "abort"})).await;
        assert_eq!(done, json!({"status": "aborted", "head": head}));
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (&status["head"], &status["items"]),
            (
                &head,
                &json!([{"path": "unrelated", "unstaged": "untracked"}])
            )
        );
        assert_eq!(
            (text(&ann, "a"), text(&ann, "b")),
            ("0\n1\nann\n3\n4\n5\n6\n7\n".into(), String::new())
        );
    }

    #[tokio::test]
    async fn local_changes_and_links_in_the_way_stop_it_before_it_begins() {
        let (ann, _) = apart().await;
        write(&ann, "a", "local");
        let local = refused(&ann, "git_merge", merge()).await;
        assert_eq!(
            (local.code, local.details.unwrap()["paths"].clone()),
            (Code::Conflict, json!(["a"]))
        );
        ok(&ann, "git_add", json!({"paths": ["a"]})).await;
        assert!(
            refused(&ann, "git_merge", merge())
                .await
                .message
                .contains("staged")
        );
        ok(&ann, "git_reset", json!({"mode": "hard"})).await;
        write(&ann, "b", "in the way");
        assert_eq!(
            refused(&ann, "git_merge", merge()).await.details.unwrap()["paths"],
            json!(["b"])
        );
        let status = ok(&ann, "git_status", json!({})).await;
        assert_eq!(
            (status.get("in_progress"), text(&ann, "b")),
            (None, "in the way".into())
        );
        for bad in [
            json!({}),
            json!({"revision": "--abort"}),
            json!({"revision": "main", "action": "continue"}),
            json!({"action": "abort", "dry_run": true}),
        ] {
            assert_eq!(
                refused(&ann, "git_merge", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}
