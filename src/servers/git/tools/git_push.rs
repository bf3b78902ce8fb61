//! `git_push`: give a branch to a remote.

use git2::Oid;

use crate::{
    servers::git::{
        Git,
        cli::{self, Place, Word},
        engine::{found, name},
        remote::{self, ORIGIN},
        review,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitPush;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The remote; `origin` when left out.
    pub remote: Option<RepoName>,
    /// The branch, tag or commit to push; the branch that your worktree is on when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// The remote's branch; the same as here when left out.
    #[garde(length(bytes, min = 1, max = 200))]
    pub to: Option<String>,
    /// Replace the remote's branch even if that loses commits there, but only while it is at this commit: its whole id, or
    /// `fetched` for what the last fetch saw.
    #[garde(length(bytes, min = 7, max = 64))]
    pub force_with_lease: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The remote's branch.
    pub branch: String,
    /// The commit that it is at now.
    pub commit: String,
    /// True when it was there already.
    pub up_to_date: bool,
}

impl Tool for GitPush {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_push";
    const ABOUT: &'static str = "Give a branch to a remote. Refused where the remote has commits that are not here: git_pull first, or replace \
                                 them with force_with_lease. Returns the commit that the remote's branch is at.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(1_800);
    const HINTS: Hints = Hints {
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo.clone())?;
        let program = server.program()?.clone();
        let name = args
            .remote
            .map_or_else(|| ORIGIN.to_owned(), |name| name.to_string());
        let remote = server.remote(&key, &name).await?;
        let way = server.way(ctx, &remote).await?;
        let (revision, to) = (args.revision, args.to);
        let (commit, branch) = server
            .look(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                let commit = name::commit(repository, revision.as_deref().unwrap_or("HEAD"))?;
                let own = match revision {
                    Some(revision) => name::branch(repository, &revision)
                        .ok()
                        .flatten()
                        .map(|_| revision),
                    None => name::head_branch(repository)?,
                };
                Ok((commit.id(), to.or(own)))
            })
            .await?;
        let branch = branch
            .ok_or_else(|| ToolError::invalid("/to", "is required: what is pushed is no branch"))?;
        name::check_branch(&branch)
            .map_err(|error| ToolError::invalid("/to", error.to_string()))?;
        let bad = |error: cli::BadWord| ToolError::invalid("/to", error.to_string());
        let target = Word::reference(&format!("refs/heads/{branch}")).map_err(bad)?;
        let refspec = Word::refspec(false, Some(&Word::object(commit)), &target);
        let seen = format!("refs/remotes/{name}/{branch}");
        let (lease, to) = (args.force_with_lease, branch.clone());
        ctx.progress(0.0, None, "pushing");
        let told = server
            .look_bare(ctx, &key, move |repository, stop| {
                let mut command = program
                    .command(Place::bare(repository), "push")
                    .flag("--porcelain")
                    .flag("--no-verify");
                if let Some(lease) = lease {
                    let expected = match lease.as_str() {
                        "fetched" => found(repository.refname_to_id(&seen))?,
                        id => Oid::from_str(id).ok().filter(|_| id.len() == 40),
                    };
                    let Some(expected) = expected else {
                        let why = "must be a whole commit id, or `fetched` after a git_fetch of that branch";
                        return Ok(Err(ToolError::invalid("/force_with_lease", why)));
                    };
                    command = command.option("--force-with-lease=", format!("refs/heads/{to}:{expected}"));
                }
                let command = way.equip(command.word(way.url()).word(refspec));
                let mut answer = Vec::new();
                let ended = command.each(&|| stop.is_set(), &mut |piece| {
                    answer.extend_from_slice(piece);
                    std::ops::ControlFlow::Continue(())
                });
                let told = remote::pushed(&answer).into_iter().next();
                Ok(match (told, ended) {
                    (Some(told), _) if !told.taken => Err(rejected(&told.said)),
                    (told, Ok(())) => {
                        repository.reference(&seen, commit, true, "pushed")?;
                        Ok(told.is_some_and(|told| told.same))
                    }
                    (_, Err(error)) => Err(way.failed(error)),
                })
            })
            .await??;
        Ok(Output {
            branch,
            commit: commit.to_string(),
            up_to_date: told,
        })
    }
}

/// A push that the remote did not take.
fn rejected(said: &str) -> ToolError {
    let error = ToolError::conflict(format!("the remote did not take it: {said}"));
    if said.contains("stale info") {
        error.hint("its branch has moved since: git_fetch, look, and try again")
    } else if said.contains("fetch first") || said.contains("non-fast-forward") {
        error.hint("it has commits that are not here: git_pull them first, or replace them with force_with_lease")
    } else {
        error.hint("its rules refuse it: push to another branch")
    }
}
