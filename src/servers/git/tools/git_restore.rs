//! `git_restore`: files as they were.

use crate::{
    servers::git::{
        Git,
        engine::{Error, name, reset},
        fault,
    },
    tool::prelude::*,
};

/// Most paths that an answer lists.
const MAX_LISTED: usize = 200;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitRestore;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Files and directories, relative to the top of the tree; `.` is everything. They are names, not patterns.
    #[garde(length(min = 1, max = 1000))]
    pub paths: Vec<String>,
    /// The commit to take them from; when left out, your files are taken from what is staged, and what is staged from HEAD.
    #[garde(length(bytes, min = 1, max = 256))]
    pub source: Option<String>,
    /// Restore what is staged.
    #[serde(default)]
    pub staged: bool,
    /// Restore your files, whose local changes are lost; true unless `staged` is.
    pub worktree: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Files of your worktree that were written or removed, by path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<String>,
    /// How many these are.
    pub count: usize,
    /// Files whose staged state was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<usize>,
    /// True when `restored` lists only the first of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Tool for GitRestore {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_restore";
    const ABOUT: &'static str = "Undo local changes of files: they become what is staged, or with source what a commit has. With staged: true \
                                 what is staged is undone instead. Untracked files stay. Use git_reset to move your branch. Returns the files \
                                 that changed.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        let worktree = args.worktree.unwrap_or(!args.staged);
        if !worktree && !args.staged {
            return Err(ToolError::invalid(
                "/worktree",
                "must be true, or staged must",
            ));
        }
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                let source = args
                    .source
                    .as_deref()
                    .map(|source| name::commit(repository, source))
                    .transpose()?;
                let staged = if args.staged {
                    let from = match &source {
                        Some(source) => Some(source.clone()),
                        None => name::head(repository)?,
                    };
                    if !worktree {
                        reset::keep_files(repository, from.as_ref(), &paths)?;
                    }
                    Some(reset::restore_index(repository, from.as_ref(), &paths)?)
                } else {
                    None
                };
                let restored = if worktree {
                    // What is staged is that of the source already.
                    let source = source.as_ref().filter(|_| !args.staged);
                    reset::restore_files(repository, &session.files()?, source, &paths)?
                } else {
                    Vec::new()
                };
                if restored.is_empty() && staged.unwrap_or(0) == 0 {
                    for (path, text) in paths.iter().zip(&args.paths) {
                        if !reset::is_known(repository, source.as_ref(), path)? {
                            return Err(Error::NoMatch(text.clone()));
                        }
                    }
                }
                let count = restored.len();
                let restored: Vec<String> = restored.into_iter().take(MAX_LISTED).collect();
                Ok(Output {
                    truncated: restored.len() < count,
                    restored,
                    count,
                    staged,
                })
            })
            .await
            .inspect(|_| ctx.changed_own("files", true))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn files_and_what_is_staged_are_restored() {
        let team = team().await;
        let first = save(&team, "d/a", "1").await;
        save(&team, "d/a", "2").await;
        save(&team, "b", "b").await;
        let text = |path: &str| std::fs::read_to_string(root(&team).join(path)).unwrap_or_default();
        write(&team, "d/a", "staged");
        ok(&team, "git_add", json!({"paths": ["d"]})).await;
        write(&team, "d/a", "local");
        std::fs::remove_file(root(&team).join("b")).unwrap();
        write(&team, "new", "x");
        let done = ok(&team, "git_restore", json!({"paths": ["."]})).await;
        assert_eq!(done, json!({"restored": ["b", "d/a"], "count": 2}));
        assert_eq!(
            (text("d/a"), text("b"), text("new")),
            ("staged".into(), "b".into(), "x".into())
        );
        let done = ok(
            &team,
            "git_restore",
            json!({"paths": ["d/a"], "staged": true}),
        )
        .await;
        assert_eq!((&done["staged"], text("d/a")), (&json!(1), "staged".into()));
        ok(
            &team,
            "git_restore",
            json!({"paths": ["d/a"], "source": first}),
        )
        .await;
        let status = ok(&team, "git_status", json!({"paths": ["d"]})).await;
        assert_eq!(
            (
                text("d/a"),
                &status["items"][0]["unstaged"],
                status["items"][0].get("staged")
            ),
            ("1".into(), &json!("modified"), None)
        );
        let both = json!({"paths": ["d/a"], "source": "HEAD", "staged": true, "worktree": true});
        ok(&team, "git_restore", both).await;
        assert_eq!(text("d/a"), "2");
        assert_eq!(
            refused(&team, "git_restore", json!({"paths": ["nope"]}))
                .await
                .code,
            Code::NotFound
        );
        for bad in [
            json!({"paths": ["../x"]}),
            json!({"paths": ["-s"]}),
            json!({"paths": ["b"], "source": "-x"}),
            json!({"paths": [".git/config"]}),
        ] {
            assert_eq!(
                refused(&team, "git_restore", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_written_through_a_link() {
        let team = team().await;
        save(&team, "d/x", "1").await;
        let outside = team.host.data.join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::remove_dir_all(root(&team).join("d")).unwrap();
        std::os::unix::fs::symlink(&outside, root(&team).join("d")).unwrap();
        ok(&team, "git_restore", json!({"paths": ["."]})).await;
        assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
        assert_eq!(
            std::fs::read_to_string(root(&team).join("d/x")).unwrap(),
            "1"
        );
    }
}
