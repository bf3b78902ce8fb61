//! `git_branch`: list, make, rename and delete branches.

use super::git_list_branches::{self, GitListBranches, Item};
use crate::{
    servers::git::{Git, engine::branch},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitBranch;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// List them, as git_list_branches does.
    #[default]
    List,
    /// Make a branch.
    Create,
    /// Give it another name.
    Rename,
    /// Delete it.
    Delete,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `list`, `create`, `rename` or `delete`.
    #[serde(default)]
    pub action: Action,
    /// The branch; for `list`, how the names start. Names under `agent/` are for the agent they name.
    #[garde(length(bytes, min = 1, max = 200))]
    pub name: Option<String>,
    /// For `rename`: the new name.
    #[garde(length(bytes, min = 1, max = 200))]
    pub new_name: Option<String>,
    /// For `create`: branch or commit to start from; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub from: Option<String>,
    /// For `delete`: delete it although its commits are on no other branch.
    #[serde(default)]
    pub force: bool,
    /// For `list`: most branches on a page.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// For `list`: `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The branch that was made, renamed or deleted, by the name it has now, or had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit it is at, or was: git_create_branch(from: commit) brings a deleted one back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// True when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// For `list`: the branches, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
    /// For `list`: pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitBranch {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_branch";
    const ABOUT: &'static str = "List, make, rename or delete branches. The default branch, a branch that is checked out somewhere, and branches of \
                                 other agents can be neither renamed nor deleted. Use git_checkout to move to \
                                 one. Returns the branch and its commit.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let wanted = match (args.action, args.new_name) {
            (Action::List, None) => {
                let asked = git_list_branches::Args {
                    repo: args.repo,
                    prefix: args.name,
                    limit: args.limit,
                    cursor: args.cursor,
                };
                let found = GitListBranches::run(server, ctx, asked).await?;
                return Ok(Output {
                    items: Some(found.items),
                    next_cursor: found.next_cursor,
                    ..Output::default()
                });
            }
            (Action::Create, None) => Wanted::Create,
            (Action::Delete, None) => Wanted::Delete,
            (Action::Rename, Some(to)) => Wanted::Rename(to),
            _ => {
                let detail = "goes with action \"rename\", and only with it";
                return Err(ToolError::invalid("/new_name", detail));
            }
        };
        let Some(name) = args.name else {
            return Err(ToolError::invalid("/name", "is required"));
        };
        let agent = ctx.agent().clone();
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                session.with_refs(|| {
                    let deleted = matches!(wanted, Wanted::Delete);
                    let (branch, commit) = match wanted {
                        Wanted::Create => {
                            let from = args.from.as_deref();
                            let made = branch::create(repository, &name, from, &agent)?;
                            (name, made.id())
                        }
                        Wanted::Delete => {
                            session.refuse_protected(&name)?;
                            let was = branch::delete(repository, &name, &agent, args.force)?;
                            (name, was)
                        }
                        Wanted::Rename(to) => {
                            session.refuse_protected(&name)?;
                            let at = branch::rename(repository, &name, &to, &agent)?;
                            (to, at)
                        }
                    };
                    Ok(Output {
                        branch: Some(branch),
                        commit: Some(commit.to_string()),
                        deleted,
                        ..Output::default()
                    })
                })
            })
            .await
    }
}

/// A change of branches, with what it needs.
enum Wanted {
    Create,
    Delete,
    Rename(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn branches_are_made_renamed_and_deleted() {
        let team = team().await;
        let first = save(&team, "a", "1").await;
        let second = save(&team, "a", "2").await;
        ok(
            &team,
            "git_branch",
            json!({"action": "create", "name": "x", "from": "main"}),
        )
        .await;
        assert_eq!(
            ok(
                &team,
                "git_branch",
                json!({"action": "rename", "name": "x", "new_name": "y/z"})
            )
            .await,
            json!({"branch": "y/z", "commit": first})
        );
        assert_eq!(
            ok(
                &team,
                "git_branch",
                json!({"action": "delete", "name": "y/z"})
            )
            .await,
            json!({"branch": "y/z", "commit": first, "deleted": true})
        );
        let listed = ok(&team, "git_branch", json!({"name": "m"})).await;
        assert_eq!(
            listed,
            ok(&team, "git_list_branches", json!({"prefix": "m"})).await
        );
        // One's own branch may be renamed while one is on it.
        ok(
            &team,
            "git_branch",
            json!({"action": "rename", "name": "agent/ann/work", "new_name": "agent/ann/new"}),
        )
        .await;
        let status = ok(&team, "git_status", json!({})).await;
        assert_eq!(
            (&status["branch"], &status["head"]),
            (&json!("agent/ann/new"), &json!(second))
        );
        ok(
            &team,
            "git_branch",
            json!({"action": "create", "name": "kept"}),
        )
        .await;
        save(&team, "a", "3").await;
        ok(
            &team,
            "git_branch",
            json!({"action": "create", "name": "lost"}),
        )
        .await;
        ok(&team, "git_checkout", json!({"target": "kept"})).await;
        ok(
            &team,
            "git_branch",
            json!({"action": "delete", "name": "lost"}),
        )
        .await;
        let unmerged = refused(
            &team,
            "git_branch",
            json!({"action": "delete", "name": "agent/ann/new"}),
        )
        .await;
        assert_eq!(
            (unmerged.code, unmerged.details.unwrap()["commits"].clone()),
            (Code::Conflict, json!(1))
        );
        ok(
            &team,
            "git_branch",
            json!({"action": "delete", "name": "agent/ann/new", "force": true}),
        )
        .await;
        ok(
            &team.at("demo", "bea"),
            "git_checkout",
            json!({"target": "main"}),
        )
        .await;
        for (args, code) in [
            (json!({"action": "delete", "name": "main"}), Code::Conflict),
            (json!({"action": "delete", "name": "kept"}), Code::Conflict),
            (
                json!({"action": "delete", "name": "agent/bea/work"}),
                Code::Forbidden,
            ),
            (json!({"action": "delete", "name": "nope"}), Code::NotFound),
            (
                json!({"action": "delete", "name": "-D"}),
                Code::InvalidArgument,
            ),
            (
                json!({"action": "rename", "name": "kept", "new_name": "main"}),
                Code::Conflict,
            ),
            (
                json!({"action": "rename", "name": "kept", "new_name": "kept/x"}),
                Code::Conflict,
            ),
            (
                json!({"action": "rename", "name": "kept"}),
                Code::InvalidArgument,
            ),
            (
                json!({"action": "rename", "name": "kept", "new_name": "agent/bea/x"}),
                Code::Forbidden,
            ),
        ] {
            assert_eq!(
                refused(&team, "git_branch", args.clone()).await.code,
                code,
                "{args}"
            );
        }
    }
}
