//! `git_checkout`: move the worktree to a branch or commit.

use crate::{
    servers::git::{Git, engine::branch},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitCheckout;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The branch to check out, or a tag, commit or expression such as `HEAD~1`, which detaches HEAD.
    #[serde(alias = "branch_name", alias = "branch")]
    #[garde(length(bytes, min = 1, max = 256))]
    pub target: String,
    /// Overwrite local changes to tracked files. They are lost.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The branch you are on now; none when HEAD is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit you are on now.
    pub commit: String,
    /// True when HEAD is on a commit and not on a branch: make a branch before you commit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
}

impl Tool for GitCheckout {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_checkout";
    const ABOUT: &'static str = "Move your worktree to an existing branch, or to a commit (detached). Local changes that are not in the way are \
                                 kept; otherwise the call is refused with their paths. A branch can be checked out by one agent at a time. Use \
                                 git_create_branch for a new branch. Returns where you are.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let agent = ctx.agent().clone();
        server
            .change(ctx, args.repo, move |session, _| {
                let done = session.with_refs(|| {
                    branch::checkout(&session.repository, &args.target, &agent, args.force)
                })?;
                Ok(Output {
                    detached: done.branch.is_none(),
                    branch: done.branch,
                    commit: done.commit.to_string(),
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
    async fn branches_commits_and_busy_branches() {
        let team = team().await;
        let unborn = refused(&team, "git_checkout", json!({"target": "main"})).await;
        assert!(unborn.message.contains("git_commit"), "{}", unborn.message);
        let first = save(&team, "a", "1").await;
        let at = ok(&team, "git_checkout", json!({"target": "main"})).await;
        assert_eq!(at, json!({"branch": "main", "commit": first}));
        let bea = team.at("demo", "bea");
        let busy = refused(&bea, "git_checkout", json!({"target": "main"})).await;
        assert_eq!(
            (busy.code, busy.details.unwrap()["agent"].clone()),
            (Code::Conflict, json!("ann"))
        );
        let second = save(&team, "a", "2").await;
        let detached = ok(&team, "git_checkout", json!({"target": first})).await;
        assert_eq!(detached, json!({"commit": first, "detached": true}));
        assert_eq!(std::fs::read_to_string(root(&team).join("a")).unwrap(), "1");
        ok(&bea, "git_checkout", json!({"target": "main"})).await;
        assert_eq!(std::fs::read_to_string(root(&bea).join("a")).unwrap(), "2");
        write(&team, "a", "local");
        let local = refused(&team, "git_checkout", json!({"target": second})).await;
        assert_eq!(
            (local.code, local.details.unwrap()["paths"].clone()),
            (Code::Conflict, json!(["a"]))
        );
        for bad in ["-f", "--orphan", "nowhere"] {
            let code = refused(&team, "git_checkout", json!({"target": bad}))
                .await
                .code;
            assert!(
                matches!(code, Code::InvalidArgument | Code::NotFound),
                "{bad}"
            );
        }
    }
}
