//! `git_fetch`: bring what a remote has.

use crate::{
    servers::git::{
        Git,
        cli::{Place, Word},
        remote::{self, Moved, ORIGIN, Way, partial::Filter},
        review,
        store::RepoKey,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitFetch;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The remote; `origin` when left out.
    pub remote: Option<RepoName>,
    /// Only this branch of it; all when left out.
    #[garde(length(bytes, min = 1, max = 200))]
    pub branch: Option<String>,
    /// Forget branches here that the remote has no more.
    #[serde(default)]
    pub prune: bool,
    /// Only so many of the newest commits of each branch; all when left out.
    #[garde(range(min = 1, max = 1_000_000))]
    pub depth: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The refs that moved, the first 500.
    pub updates: Vec<Moved>,
    /// How many moved.
    pub total: usize,
}

/// Most refs that are listed.
const MAX_LISTED: usize = 500;

impl Tool for GitFetch {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_fetch";
    const ABOUT: &'static str = "Bring what a remote has into the repository, as refs/remotes/<remote>/<branch>, and its tags. Nobody's files or \
                                 branches change: merge with git_merge, revision `<remote>/<branch>`, or use git_pull for both. Returns the \
                                 refs that moved.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(1_800);
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let name = args
            .remote
            .map_or_else(|| ORIGIN.to_owned(), |name| name.to_string());
        let remote = server.remote(&key, &name).await?;
        let way = server.way(ctx, &remote).await?;
        let wanted = Wanted {
            branch: args.branch,
            prune: args.prune,
            depth: args.depth,
            filter: None,
        };
        let mut updates = server.fetch(ctx, &key, &name, way, wanted).await?;
        let total = updates.len();
        updates.truncate(MAX_LISTED);
        Ok(Output { updates, total })
    }
}

/// What to bring.
#[derive(Debug, Default)]
pub struct Wanted {
    pub branch: Option<String>,
    pub prune: bool,
    pub depth: Option<u32>,
    /// What is left there, of `origin` alone.
    pub filter: Option<Filter>,
}

impl Git {
    /// Brings what the remote `name` has; the refs that moved.
    pub(in crate::servers::git) async fn fetch(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        name: &str,
        way: Way,
        wanted: Wanted,
    ) -> Result<Vec<Moved>, ToolError> {
        let program = self.program()?.clone();
        let bad = |error: crate::servers::git::cli::BadWord| {
            ToolError::invalid("/branch", error.to_string())
        };
        let refspec = match &wanted.branch {
            Some(branch) => Word::refspec(
                true,
                Some(&Word::reference(&format!("refs/heads/{branch}")).map_err(bad)?),
                &Word::reference(&format!("refs/remotes/{name}/{branch}")).map_err(bad)?,
            ),
            None => Word::refspec(
                true,
                Some(&Word::below("refs/heads").map_err(bad)?),
                &Word::below(&format!("refs/remotes/{name}")).map_err(bad)?,
            ),
        };
        ctx.progress(0.0, None, "fetching");
        let moved = self
            .look_bare(ctx, key, move |repository, stop| {
                let mut command = program
                    .command(Place::bare(repository), "fetch")
                    .flag("--porcelain")
                    .flag("--no-write-fetch-head")
                    .flag("--no-auto-maintenance");
                if wanted.prune {
                    command = command.flag("--prune");
                }
                if let Some(depth) = wanted.depth {
                    command = command.option("--depth=", depth.to_string());
                }
                let command = match &wanted.filter {
                    Some(filter) => way.named(filter.of(command)),
                    None => way.equip(command.word(way.url())),
                };
                Ok(command
                    .word(refspec)
                    .output(&|| stop.is_set())
                    .map_err(|error| way.failed(error)))
            })
            .await??;
        ctx.changed("git/branches".to_owned());
        Ok(remote::fetched(&moved))
    }
}
