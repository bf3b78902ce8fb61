//! `git_init`: make a repository of what is in the workspace.

use crate::{
    project::workspace::{Created, DEFAULT_BRANCH, default_branch},
    servers::git::{Git, engine::name, fault, tree},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitInit;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Name of the repository within the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The branch that other agents' worktrees start from; `main` when left out. Only for a new repository.
    #[garde(length(bytes, min = 1, max = 200))]
    pub default_branch: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The repository, for `repo` in other tools.
    pub repo: RepoName,
    /// False when it was there already.
    pub created: bool,
    /// The branch that new worktrees start from.
    pub default_branch: String,
    /// The branch your worktree is on; none when HEAD is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

impl Tool for GitInit {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_init";
    const ABOUT: &'static str = "Make a repository in the project; what is in your workspace already becomes its untracked files. Each agent \
                                 works in a worktree of its own, on the branch agent/<agent>/work at first, and finds it with the same `repo` \
                                 name. Calling it again changes nothing. Returns the repository's default branch and yours.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let workspaces = server.workspaces.clone();
        let lock = workspaces.lock_tree(&tree).await;
        ctx.blocking(move |_| {
            let _lock = lock;
            let branch = args.default_branch.as_deref().unwrap_or(DEFAULT_BRANCH);
            let made = || {
                name::check_branch(branch)?;
                name::check_own(branch, &tree.agent)?;
                let created = workspaces.create_repository(&tree.project, &tree.repo, branch)?;
                let repository = workspaces.repository(&tree)?;
                Ok(Output {
                    created: created == Created::New,
                    default_branch: default_branch(&repository)?,
                    branch: name::head_branch(&repository)?,
                    repo: tree.repo,
                })
            };
            made().map_err(fault::of)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{bare_team, ok, refused, save, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_repository_is_made_once_and_adopts_what_is_there() {
        let team = bare_team().await;
        assert_eq!(
            refused(&team, "git_status", json!({})).await.code,
            Code::Conflict
        );
        write(&team, "a.txt", "a");
        let made = ok(&team, "git_init", json!({})).await;
        let like = json!({"repo": "main", "created": true, "default_branch": "main", "branch": "agent/ann/work"});
        assert_eq!(made, like);
        assert_eq!(
            ok(&team, "git_init", json!({"default_branch": "other"})).await["created"],
            false
        );
        let status = ok(&team, "git_status", json!({})).await;
        assert_eq!(
            (&status["items"][0]["path"], &status["untracked"]),
            (&json!("a.txt"), &json!(1))
        );
        for bad in ["-x", "agent", "a b", "agent/bea/x"] {
            let error = team
                .call_json("git_init", json!({"repo": "second", "default_branch": bad}))
                .await;
            assert!(
                matches!(
                    error.unwrap_err().code,
                    Code::InvalidArgument | Code::Forbidden
                ),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn projects_and_repositories_are_apart_and_team_mates_share() {
        let team = bare_team().await;
        ok(&team, "git_init", json!({})).await;
        ok(&team, "git_init", json!({"repo": "docs"})).await;
        let first = save(&team, "a.txt", "a").await;
        let eve = team.at("elsewhere", "eve");
        assert_eq!(
            refused(&eve, "git_log", json!({})).await.code,
            Code::Conflict
        );
        ok(&eve, "git_init", json!({})).await;
        assert_eq!(
            refused(&eve, "git_log", json!({"revision": first}))
                .await
                .code,
            Code::NotFound
        );
        assert_eq!(
            ok(&team, "git_status", json!({"repo": "docs"})).await["clean"],
            true
        );
        let bea = team.at("demo", "bea");
        let status = ok(&bea, "git_status", json!({})).await;
        assert_eq!(
            (&status["branch"], &status["head"]),
            (&json!("agent/bea/work"), &json!(first))
        );
    }
}
