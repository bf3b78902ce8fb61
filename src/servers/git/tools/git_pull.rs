//! `git_pull`: fetch a branch and merge it into one's own.

use super::{
    git_fetch::Wanted,
    integrated::{self, Output},
};
use crate::{
    servers::git::{
        Git,
        engine::{
            integrate::{self, FastForward},
            name,
        },
        remote::ORIGIN,
        review,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitPull;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The remote; `origin` when left out.
    pub remote: Option<RepoName>,
    /// The remote's branch; the one that your worktree is on when left out.
    #[garde(length(bytes, min = 1, max = 200))]
    pub branch: Option<String>,
    /// Refuse where a merge commit would be needed.
    #[serde(default)]
    pub ff_only: bool,
}

impl Tool for GitPull {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_pull";
    const ABOUT: &'static str = "Fetch a branch of a remote and merge it into the branch of your worktree. It stops at conflicts and lists them, \
                                 as git_merge does: resolve each with git_resolve_conflict, then git_merge with action continue. Use git_fetch \
                                 and git_rebase to put your commits on top instead.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(1_800);
    const HINTS: Hints = Hints {
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo.clone())?;
        let name = args
            .remote
            .map_or_else(|| ORIGIN.to_owned(), |name| name.to_string());
        let branch = if let Some(branch) = args.branch {
            branch
        } else {
            let own = server.look(ctx, args.repo.clone(), |session, _| {
                name::head_branch(&session.repository)
            });
            own.await?.ok_or_else(|| {
                ToolError::invalid("/branch", "is required: your worktree is on no branch")
            })?
        };
        let remote = server.remote(&key, &name).await?;
        let way = server.way(ctx, &remote).await?;
        let wanted = Wanted {
            branch: Some(branch.clone()),
            ..Wanted::default()
        };
        server.fetch(ctx, &key, &name, way, wanted).await?;
        let forward = if args.ff_only {
            FastForward::Only
        } else {
            FastForward::Auto
        };
        let revision = format!("{name}/{branch}");
        integrated::run(server, ctx, args.repo, false, move |work| {
            let theirs = name::commit(work.repository, &format!("refs/remotes/{revision}"))?;
            integrate::merge(work, &theirs, &revision, None, forward, false)
        })
        .await
    }
}
