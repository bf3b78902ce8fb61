//! `git_reset`: move your branch back, or take files out of what is staged.

use crate::{
    servers::git::{
        Git,
        engine::{commit, name, reset},
        fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitReset;

/// What is moved along with your branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Nothing: what was committed since is staged.
    Soft,
    /// What is staged: what was committed since is in your files.
    #[default]
    Mixed,
    /// What is staged and your files: all changes since are lost.
    Hard,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The commit to move to; your HEAD when left out, which only undoes what is staged or changed.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// `soft` moves your branch alone, `mixed` unstages too, `hard` loses all local changes to tracked files.
    #[serde(default)]
    pub mode: Mode,
    /// Only take these paths out of what is staged; nothing else moves.
    #[serde(default)]
    #[garde(length(max = 1000))]
    pub paths: Vec<String>,
    /// Refuse unless HEAD is this commit (its id, or at least 7 digits of it).
    #[garde(length(bytes, min = 1, max = 64))]
    pub expected_head: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit HEAD is on now; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The commit HEAD was on before: git_reset back to it undoes this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// With `paths`: files that were taken out of what is staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unstaged: Option<usize>,
}

impl Tool for GitReset {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_reset";
    const ABOUT: &'static str = "Move your branch to another commit, or with paths only unstage those files. Use git_restore to undo changes \
                                 of files, git_revert to undo a commit that others have, git_stash to keep changes for later. Returns where \
                                 HEAD is and was.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        if !paths.is_empty() && (args.mode != Mode::Mixed || args.revision.is_some()) {
            return Err(ToolError::invalid(
                "/paths",
                "go with neither mode nor revision: use git_restore(source: …) for the files of another commit",
            ));
        }
        let mode = match args.mode {
            Mode::Soft => reset::Mode::Soft,
            Mode::Mixed => reset::Mode::Mixed,
            Mode::Hard => reset::Mode::Hard,
        };
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                session.with_refs(|| {
                    let previous = name::head(repository)?;
                    commit::check_expected(previous.as_ref(), args.expected_head.as_deref())?;
                    let previous = previous.map(|head| head.id().to_string());
                    if !paths.is_empty() {
                        let unstaged = reset::unstage(repository, &paths)?;
                        return Ok(Output {
                            head: previous,
                            previous: None,
                            unstaged: Some(unstaged),
                        });
                    }
                    let target =
                        name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                    if let Some(branch) = name::head_branch(repository)? {
                        session.refuse_protected(&branch)?;
                    }
                    reset::reset(repository, &target, mode)?;
                    Ok(Output {
                        head: Some(target.id().to_string()),
                        previous,
                        unstaged: None,
                    })
                })
            })
            .await
            .inspect(|_| {
                if mode == reset::Mode::Hard {
                    ctx.changed_own("files", true);
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn each_mode_keeps_what_it_says() {
        let team = team().await;
        assert_eq!(
            refused(&team, "git_reset", json!({})).await.code,
            Code::Conflict
        );
        let first = save(&team, "a", "1").await;
        let second = save(&team, "a", "2").await;
        let counts = async || {
            let status = ok(&team, "git_status", json!({})).await;
            (
                status["staged"].clone(),
                status["unstaged"].clone(),
                status["untracked"].clone(),
            )
        };
        let soft = ok(
            &team,
            "git_reset",
            json!({"revision": first, "mode": "soft"}),
        )
        .await;
        assert_eq!(soft, json!({"head": first, "previous": second}));
        assert_eq!(counts().await, (json!(1), json!(0), json!(0)));
        assert_eq!(
            ok(&team, "git_reset", json!({"paths": ["a"]})).await,
            json!({"head": first, "unstaged": 1})
        );
        assert_eq!(counts().await, (json!(0), json!(1), json!(0)));
        ok(&team, "git_reset", json!({"revision": second})).await;
        write(&team, "new", "x");
        write(&team, "a", "local");
        let stale = json!({"mode": "hard", "expected_head": first});
        assert_eq!(
            refused(&team, "git_reset", stale).await.code,
            Code::PreconditionFailed
        );
        ok(
            &team,
            "git_reset",
            json!({"mode": "hard", "expected_head": second}),
        )
        .await;
        assert_eq!(
            counts().await,
            (json!(0), json!(0), json!(1)),
            "untracked files stay"
        );
        assert_eq!(std::fs::read_to_string(root(&team).join("a")).unwrap(), "2");
        for bad in [
            json!({"revision": "--hard"}),
            json!({"paths": ["a"], "mode": "hard"}),
            json!({"paths": ["../a"]}),
        ] {
            assert_eq!(
                refused(&team, "git_reset", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_staged_goes_though_its_file_is_as_it_was() {
        let team = team().await;
        let first = save(&team, "a", "1").await;
        for undo in [
            ("git_reset", json!({"mode": "hard"})),
            ("git_checkout", json!({"target": first, "force": true})),
            (
                "git_stash",
                json!({"action": "push", "include_untracked": true}),
            ),
        ] {
            write(&team, "a", "2");
            ok(&team, "git_add", json!({"paths": ["a"]})).await;
            write(&team, "a", "1");
            ok(&team, undo.0, undo.1).await;
            let status = ok(&team, "git_status", json!({})).await;
            assert_eq!(status["clean"], true, "{}: {status}", undo.0);
        }
    }

    #[tokio::test]
    async fn a_hard_reset_writes_nothing_through_a_link() {
        let team = team().await;
        save(&team, "d/x", "1").await;
        let outside = team.host.data.join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::remove_dir_all(root(&team).join("d")).unwrap();
        std::os::unix::fs::symlink(&outside, root(&team).join("d")).unwrap();
        ok(&team, "git_reset", json!({"mode": "hard"})).await;
        assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
        assert_eq!(
            std::fs::read_to_string(root(&team).join("d/x")).unwrap(),
            "1"
        );
    }
}
