//! `git_stash`: changes put aside.

use crate::{
    base::clock::rfc3339,
    servers::git::{
        Git,
        engine::{Error, stash},
    },
    tool::prelude::*,
};

/// Most stashes that an answer lists.
const MAX_LISTED: usize = 100;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitStash;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// List your stashes.
    List,
    /// Put changes aside.
    Push,
    /// Bring one back and forget it.
    Pop,
    /// Bring one back and keep it.
    Apply,
    /// Forget one.
    Drop,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `list`, `push` (put aside), `pop` (bring back and forget), `apply` (bring back and keep) or `drop` (forget).
    pub action: Action,
    /// Which one, as `list` numbers them; 0 is the newest.
    #[serde(default)]
    #[garde(range(max = 10_000))]
    pub number: u32,
    /// For `push`: what it is.
    #[garde(length(bytes, min = 1, max = 500), inner(custom(one_line)))]
    pub message: Option<String>,
    /// For `push`: put new files aside too that git does not know.
    #[serde(default)]
    pub include_untracked: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn one_line(text: &str, _: &()) -> garde::Result {
    if text.chars().any(char::is_control) {
        return Err(garde::Error::new(
            "must be one line without control characters",
        ));
    }
    Ok(())
}

/// A stash.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its number, for `number`; 0 is the newest.
    pub number: usize,
    /// What it is.
    pub message: String,
    /// When it was put aside (RFC 3339, UTC).
    pub at: String,
    /// Its commit: git_show(revision: commit) tells what it changes.
    pub commit: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Your stashes after the call, newest first, at most 100.
    pub items: Vec<Item>,
    /// The commit of the stash that was made, brought back or forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Tool for GitStash {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_stash";
    const ABOUT: &'static str = "Put local changes aside and bring them back later, for instance around git_checkout or git_rebase. You see \
                                 your own stashes alone. When bringing one back would overwrite local changes, nothing happens and the paths \
                                 are told. Returns your stashes.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let who = server.who(ctx);
        let number = args.number as usize;
        server
            .change(ctx, args.repo, move |session, _| {
                // libgit2 wants it for itself.
                let mut repository = session.workspaces.repository(&session.tree)?;
                let files = session.files()?;
                session.with_refs(|| {
                    let commit = match args.action {
                        Action::List => None,
                        Action::Push => {
                            let message = args.message.as_deref();
                            Some(stash::push(
                                &mut repository,
                                &files,
                                &who,
                                message,
                                args.include_untracked,
                            )?)
                        }
                        Action::Pop => {
                            Some(stash::apply(&mut repository, &files, &who, number, false)?.commit)
                        }
                        Action::Apply => {
                            Some(stash::apply(&mut repository, &files, &who, number, true)?.commit)
                        }
                        Action::Drop => {
                            Some(stash::drop_one(&mut repository, &who, number)?.commit)
                        }
                    };
                    let own = stash::list(&mut repository, &who)?;
                    let items = own.into_iter().take(MAX_LISTED).map(Item::from);
                    Ok::<_, Error>(Output {
                        items: items.collect(),
                        commit: commit.map(|id| id.to_string()),
                    })
                })
            })
            .await
            .inspect(|_| {
                if !matches!(args.action, Action::List | Action::Drop) {
                    ctx.changed_own("files", true);
                }
            })
    }
}

impl From<stash::Stash> for Item {
    fn from(stash: stash::Stash) -> Self {
        Self {
            number: stash.number,
            message: stash.message,
            at: rfc3339(stash.time * 1000),
            commit: stash.commit.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn changes_are_put_aside_and_come_back_to_their_owner() {
        let team = team().await;
        for action in ["push", "pop", "apply"] {
            let unborn = refused(&team, "git_stash", json!({"action": action})).await;
            assert_eq!(unborn.code, Code::Conflict, "{action}");
        }
        save(&team, "a", "1\n").await;
        save(&team, "b", "1\n").await;
        let stash = async |args| ok(&team, "git_stash", args).await;
        let nothing = refused(&team, "git_stash", json!({"action": "push"})).await;
        assert!(
            nothing.message.contains("include_untracked"),
            "{}",
            nothing.message
        );
        write(&team, "a", "staged\n");
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        write(&team, "b", "local\n");
        write(&team, "new", "x");
        let made =
            stash(json!({"action": "push", "message": "half done", "include_untracked": true}))
                .await;
        assert!(
            made["items"][0]["message"]
                .as_str()
                .unwrap()
                .ends_with("half done"),
            "{made}"
        );
        assert_eq!(ok(&team, "git_status", json!({})).await["clean"], true);

        let bea = team.at("demo", "bea");
        assert_eq!(
            ok(&bea, "git_stash", json!({"action": "list"})).await["items"],
            json!([])
        );
        write(&bea, "a", "bea\n");
        ok(&bea, "git_stash", json!({"action": "push"})).await;
        assert_eq!(
            refused(&bea, "git_stash", json!({"action": "drop", "number": 1}))
                .await
                .code,
            Code::NotFound
        );

        write(&team, "b", "other\n");
        let busy = refused(&team, "git_stash", json!({"action": "pop"})).await;
        assert_eq!(
            (busy.code, busy.details.unwrap()["paths"].clone()),
            (Code::Conflict, json!(["b"]))
        );
        assert!(!root(&team).join("new").exists());
        assert_eq!(
            std::fs::read_to_string(root(&team).join("b")).unwrap(),
            "other\n"
        );
        ok(&team, "git_restore", json!({"paths": ["b"]})).await;
        save(&team, "a", "since\n").await;
        assert!(
            refused(&team, "git_stash", json!({"action": "pop"}))
                .await
                .message
                .contains("git_cherry_pick")
        );
        ok(
            &team,
            "git_reset",
            json!({"revision": "HEAD~1", "mode": "hard"}),
        )
        .await;
        let kept = stash(json!({"action": "apply"})).await;
        assert_eq!(kept["items"].as_array().unwrap().len(), 1);
        let status = ok(&team, "git_status", json!({})).await;
        assert_eq!(
            (&status["staged"], &status["unstaged"], &status["untracked"]),
            (&json!(1), &json!(1), &json!(1))
        );
        ok(&team, "git_reset", json!({"mode": "hard"})).await;
        std::fs::remove_file(root(&team).join("new")).unwrap();
        assert_eq!(stash(json!({"action": "pop"})).await["items"], json!([]));
        assert_eq!(
            ok(&bea, "git_stash", json!({"action": "list"})).await["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }

    #[tokio::test]
    async fn nothing_is_written_through_a_link() {
        let team = team().await;
        save(&team, "d/x", "1").await;
        let outside = team.host.data.join("outside");
        std::fs::create_dir(&outside).unwrap();
        let link = || {
            std::fs::remove_dir_all(root(&team).join("d")).unwrap();
            std::os::unix::fs::symlink(&outside, root(&team).join("d")).unwrap();
        };
        write(&team, "d/x", "2");
        ok(&team, "git_stash", json!({"action": "push"})).await;
        link();
        for action in ["push", "pop", "apply"] {
            let error = refused(
                &team,
                "git_stash",
                json!({"action": action, "include_untracked": true}),
            )
            .await;
            assert_eq!(error.code, Code::InvalidArgument, "{action}");
            assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
        }
    }
}
