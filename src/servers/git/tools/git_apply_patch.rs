//! `git_apply_patch`: change files by a unified diff.

use crate::{
    servers::git::{
        Git,
        engine::{
            apply::{self, Options},
            status::Change,
        },
    },
    tool::prelude::*,
};

/// Most files that an answer lists.
const MAX_LISTED: usize = 200;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitApplyPatch;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// A unified diff with `a/` and `b/` before the paths, as git_diff returns it; several files may be in it.
    #[garde(length(bytes, min = 1, max = 8_388_608))]
    pub patch: String,
    /// Stage the files for the next commit too.
    #[serde(default)]
    pub stage: bool,
    /// Only tell whether it applies.
    #[serde(default)]
    pub dry_run: bool,
}

/// A file that the patch changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The file; the new path after a rename.
    pub path: String,
    /// What happens to it.
    pub change: Change,
    /// Its old path, when renamed or copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The files, in the order of the patch, at most 200.
    pub items: Vec<Item>,
    /// How many these are.
    pub count: usize,
    /// True when the patch fits only if CR LF and LF at the ends of lines are taken for the same; files keep theirs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub line_endings_differ: bool,
    /// True when nothing was changed, because it was a trial.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl Tool for GitApplyPatch {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_apply_patch";
    const ABOUT: &'static str = "Apply a unified diff to the files of your worktree: all of it, or nothing when a part does not fit. New, \
                                 deleted, renamed and binary files and modes are understood. Use edit_file for a small change of one file. \
                                 Returns the files that changed.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["patch"];

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let options = Options {
            stage: args.stage,
            dry: args.dry_run,
        };
        let done = server
            .change(ctx, args.repo, move |session, _| {
                let files = session.files()?;
                let patch = args.patch.as_bytes();
                let (patched, loose) = apply::apply(&session.repository, &files, patch, options)?;
                let items = patched.iter().take(MAX_LISTED).map(|file| Item {
                    path: file.path.to_string(),
                    change: Change::of_delta(file.status).unwrap_or(Change::Modified),
                    from: file.from.as_ref().map(ToString::to_string),
                });
                Ok(Output {
                    items: items.collect(),
                    count: patched.len(),
                    line_endings_differ: loose,
                    dry_run: options.dry,
                })
            })
            .await?;
        if !options.dry {
            ctx.changed_own("files", true);
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{objects, ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn what_diff_says_patch_does() {
        use std::os::unix::fs::PermissionsExt as _;
        let team = team().await;
        let long: String = (0..30).map(|n| format!("line {n}\n")).collect();
        write(&team, "mode", "x\n");
        write(&team, "crlf", "1\r\n2\r\n3");
        write(&team, "gone", "1\n");
        let first = save(&team, "old name", &long).await;
        std::fs::rename(root(&team).join("old name"), root(&team).join("new name")).unwrap();
        std::fs::set_permissions(
            root(&team).join("mode"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        write(&team, "crlf", "1\r\ntwo\r\n3");
        std::fs::remove_file(root(&team).join("gone")).unwrap();
        write(&team, "dir/added", "no newline");
        let second = save(&team, "new name", &long.replace("line 7\n", "seven\n")).await;
        let diff = ok(
            &team,
            "git_diff",
            json!({"mode": "range", "from": first, "to": second}),
        )
        .await;
        let patch: String = diff["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["patch"].as_str().unwrap())
            .collect();
        ok(
            &team,
            "git_reset",
            json!({"revision": first, "mode": "hard"}),
        )
        .await;
        let before = objects(&team);
        let trial = ok(
            &team,
            "git_apply_patch",
            json!({"patch": patch, "dry_run": true}),
        )
        .await;
        assert_eq!((&trial["count"], objects(&team)), (&json!(5), before));
        assert_eq!(ok(&team, "git_status", json!({})).await["clean"], true);
        let done = ok(
            &team,
            "git_apply_patch",
            json!({"patch": patch, "stage": true}),
        )
        .await;
        assert_eq!(done["count"], 5);
        let same = json!({"mode": "staged", "format": "name_status"});
        assert_eq!(ok(&team, "git_diff", same).await["files_changed"], 5);
        ok(&team, "git_commit", json!({"message": "again"})).await;
        let again = ok(
            &team,
            "git_diff",
            json!({"mode": "range", "from": second, "to": "HEAD"}),
        )
        .await;
        assert_eq!(again["items"], json!([]), "the same tree, byte for byte");
        assert_eq!(ok(&team, "git_status", json!({})).await["clean"], true);
    }

    #[tokio::test]
    async fn line_endings_of_the_file_stay() {
        let team = team().await;
        write(&team, "crlf", "1\r\n2\r\n3\r\n");
        write(&team, "lf", "1\n2\n3\n");
        let lf = "--- a/crlf\n+++ b/crlf\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n";
        let done = ok(&team, "git_apply_patch", json!({"patch": lf})).await;
        assert_eq!(done["line_endings_differ"], true);
        let crlf = lf.replace("crlf", "lf").replace('\n', "\r\n");
        ok(&team, "git_apply_patch", json!({"patch": crlf})).await;
        let text = |path| std::fs::read_to_string(root(&team).join(path)).unwrap();
        assert_eq!(
            (text("crlf"), text("lf")),
            ("1\r\ntwo\r\n3\r\n".into(), "1\ntwo\n3\n".into())
        );
    }

    #[tokio::test]
    async fn a_part_that_does_not_fit_stops_all_and_nothing_leads_out() {
        let team = team().await;
        write(&team, "a", "1\n");
        write(&team, "b", "1\n");
        std::os::unix::fs::symlink("/etc", root(&team).join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root(&team).join("link")).unwrap();
        let change = |path: &str, old: &str| {
            format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+x\n")
        };
        let misses = refused(
            &team,
            "git_apply_patch",
            json!({"patch": change("a", "1") + &change("b", "2")}),
        )
        .await;
        assert_eq!(
            (misses.code, misses.details.unwrap()["path"].clone()),
            (Code::Conflict, json!("b"))
        );
        assert_eq!(
            std::fs::read_to_string(root(&team).join("a")).unwrap(),
            "1\n"
        );
        for path in [
            "../a",
            "../../../../etc/passwd",
            ".git/config",
            "etc/passwd",
            "link",
            "nope",
            "a/b",
        ] {
            let error = refused(
                &team,
                "git_apply_patch",
                json!({"patch": change("a", "1") + &change(path, "root")}),
            )
            .await;
            assert!(
                matches!(error.code, Code::InvalidArgument | Code::Conflict),
                "{path}: {}",
                error.message
            );
        }
        let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n";
        assert_eq!(
            refused(&team, "git_apply_patch", json!({"patch": link}))
                .await
                .code,
            Code::Conflict
        );
        for bad in ["nonsense", "--- a/a\n+++ b/a\n@@ -1 +1 @@\n", "diff --git"] {
            assert_eq!(
                refused(&team, "git_apply_patch", json!({"patch": bad}))
                    .await
                    .code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
        assert_eq!(
            std::fs::read_to_string(root(&team).join("a")).unwrap(),
            "1\n"
        );
    }
}
