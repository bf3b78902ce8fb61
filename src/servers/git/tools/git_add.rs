//! `git_add`: stage changes.

use crate::{
    servers::git::{
        Git,
        engine::{add, name},
        fault,
    },
    tool::prelude::*,
};

/// Most paths that an answer lists.
const MAX_LISTED: usize = 200;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitAdd;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Files and directories, relative to the top of the tree; `.` is everything. They are names, not patterns.
    #[serde(alias = "files")]
    #[garde(length(min = 1, max = 1000))]
    pub paths: Vec<String>,
    /// Stage files that `.gitignore` excludes too.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Files that this call staged, by path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub staged: Vec<String>,
    /// How many these are.
    pub count: usize,
    /// True when `staged` lists only the first of them; git_status lists all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Tool for GitAdd {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_add";
    const ABOUT: &'static str = "Stage new, changed and deleted files of your worktree for the next git_commit. All paths are staged or none. \
                                 Returns the files whose staged state changed.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        server
            .change(ctx, args.repo, move |session, stop| {
                let files = session.workspaces.files(&session.tree)?;
                let touched = add::add(&session.repository, &files, &paths, args.force, &|| {
                    stop.is_set()
                })?;
                let count = touched.len();
                let staged: Vec<String> = touched.into_iter().take(MAX_LISTED).collect();
                Ok(Output {
                    truncated: staged.len() < count,
                    staged,
                    count,
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn changes_and_deletions_are_staged() {
        let team = team().await;
        save(&team, "gone", "1").await;
        std::fs::remove_file(root(&team).join("gone")).unwrap();
        write(&team, "dir/new", "x");
        let added = ok(&team, "git_add", json!({"paths": ["gone", "dir/"]})).await;
        assert_eq!(added, json!({"staged": ["dir/new", "gone"], "count": 2}));
        assert_eq!(
            ok(&team, "git_add", json!({"paths": ["."]})).await,
            json!({"count": 0})
        );
    }

    #[tokio::test]
    async fn nothing_outside_is_staged_and_one_bad_path_stops_all() {
        let team = team().await;
        write(&team, "a", "1");
        std::os::unix::fs::symlink("/etc", root(&team).join("etc")).unwrap();
        for bad in [
            "../a",
            "/etc/passwd",
            "etc/passwd",
            ".git/config",
            "-A",
            "--all",
        ] {
            let error = refused(&team, "git_add", json!({"paths": ["a", bad]})).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{bad}: {}",
                error.message
            );
        }
        let missing = refused(&team, "git_add", json!({"paths": ["a", "nowhere"]})).await;
        assert_eq!(missing.code, Code::NotFound);
        assert_eq!(ok(&team, "git_status", json!({})).await["staged"], 0);
    }
}
