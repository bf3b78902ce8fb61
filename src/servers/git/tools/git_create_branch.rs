//! `git_create_branch`: start a branch.

use crate::{
    servers::git::{Git, engine::branch},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitCreateBranch;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Name of the new branch, e.g. `feature/login`. Names under `agent/` are for the agent they name.
    #[serde(alias = "branch_name")]
    #[garde(length(bytes, min = 1, max = 200))]
    pub name: String,
    /// Branch or commit to start from; your HEAD when left out.
    #[serde(alias = "base_branch")]
    #[garde(length(bytes, min = 1, max = 256))]
    pub from: Option<String>,
    /// Check the new branch out too.
    #[serde(default)]
    pub checkout: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The new branch.
    pub branch: String,
    /// The commit it starts at.
    pub commit: String,
    /// True when your worktree is on it now.
    pub checked_out: bool,
}

impl Tool for GitCreateBranch {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_create_branch";
    const ABOUT: &'static str = "Make a branch at your HEAD or another commit, and with checkout: true move your worktree to it. Use \
                                 git_checkout for a branch that exists. Returns the branch and its commit.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let agent = ctx.agent().clone();
        let checkout = args.checkout;
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                session.with_refs(|| {
                    let commit =
                        branch::create(repository, &args.name, args.from.as_deref(), &agent)?.id();
                    if args.checkout
                        && let Err(error) = branch::checkout(repository, &args.name, &agent, false)
                    {
                        branch::remove(repository, &args.name)?;
                        return Err(error);
                    }
                    Ok(Output {
                        branch: args.name,
                        commit: commit.to_string(),
                        checked_out: args.checkout,
                    })
                })
            })
            .await
            .inspect(|_| {
                if checkout {
                    ctx.changed_own("files", true);
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_branch_is_made_where_asked_or_not_at_all() {
        let team = team().await;
        assert_eq!(
            refused(&team, "git_create_branch", json!({"name": "x"}))
                .await
                .code,
            Code::Conflict
        );
        let first = save(&team, "a", "1").await;
        save(&team, "a", "2").await;
        let made = ok(
            &team,
            "git_create_branch",
            json!({"name": "old", "from": "HEAD~1"}),
        )
        .await;
        assert_eq!(
            made,
            json!({"branch": "old", "commit": first, "checked_out": false})
        );
        assert_eq!(
            refused(&team, "git_create_branch", json!({"name": "old"}))
                .await
                .code,
            Code::Conflict
        );
        write(&team, "a", "local");
        let args = json!({"name": "new", "from": "old", "checkout": true});
        let error = refused(&team, "git_create_branch", args.clone()).await;
        assert_eq!(error.details.unwrap()["paths"], json!(["a"]));
        write(&team, "a", "2");
        assert_eq!(
            ok(&team, "git_create_branch", args).await["checked_out"],
            true
        );
        assert_eq!(ok(&team, "git_status", json!({})).await["branch"], "new");
        for (name, code) in [
            ("-d", Code::InvalidArgument),
            ("a..b", Code::InvalidArgument),
            ("agent/bea/x", Code::Forbidden),
        ] {
            assert_eq!(
                refused(&team, "git_create_branch", json!({"name": name}))
                    .await
                    .code,
                code,
                "{name}"
            );
        }
        assert_eq!(
            refused(
                &team,
                "git_create_branch",
                json!({"name": "y", "from": "-x"})
            )
            .await
            .code,
            Code::InvalidArgument
        );
    }
}
