//! `git_clone`: a repository of the project out of one elsewhere.

use super::git_fetch::Wanted;
use crate::{
    project::workspace::{Created, DEFAULT_BRANCH},
    servers::git::{
        Git,
        cli::{Place, Word},
        engine::{Error, found, name},
        fault,
        remote::{
            self, ORIGIN, Way,
            partial::{self, Filter},
        },
        review,
        store::{RemoteRow, RepoKey},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitClone;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Its address, `https://…`, without credentials.
    #[garde(length(bytes, min = 1, max = 2_048))]
    pub url: String,
    /// What the repository is called in the project; `main` when left out. It must not have commits yet.
    pub repo: Option<RepoName>,
    /// The credential that opens it, by its name in git_credential.
    pub credential: Option<RepoName>,
    /// Only so many of the newest commits of each branch; all when left out.
    #[garde(range(min = 1, max = 1_000_000))]
    pub depth: Option<u32>,
    /// Leave contents of files at the remote until a call needs them: `blob:none` for all but those of the default branch, or
    /// `blob:limit=1m` for those above a size. Much less to bring of a repository with a long history; calls that look into the
    /// past, such as git_blame, take longer the first time.
    #[schemars(with = "Option<String>", regex(pattern = partial::FILTER), example = "blob:none")]
    pub filter: Option<Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The repository, for `repo` in other tools.
    pub repo: RepoName,
    /// The branch that worktrees start from, as at the remote.
    pub default_branch: String,
    /// The commit that it is at; none of an empty repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How many branches and tags came.
    pub refs: usize,
}

impl Tool for GitClone {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_clone";
    const ABOUT: &'static str = "Make a repository of the project out of one elsewhere, with its branches under refs/remotes/origin and its \
                                 default branch. Each agent finds a worktree of it under the same `repo` name. The address stays as remote \
                                 origin for git_fetch, git_pull and git_push. What fails can be repeated.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(1_800);
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let row = RemoteRow {
            name: ORIGIN.to_owned(),
            url: args.url,
            credential: args.credential.map(|name| name.to_string()),
        };
        let way = server.way(ctx, &row).await?;
        let (workspaces, own) = (server.workspaces.clone(), key.clone());
        let made = ctx.blocking(move |_| {
            let made = workspaces.create_repository(&own.project, &own.repo, DEFAULT_BRANCH);
            made.map_err(|error| fault::of(error.into()))
        });
        if made.await? == Created::Existing {
            refuse_used(server, ctx, &key).await?;
        }
        let (way, default) = default_branch(server, ctx, &key, way).await?;
        let by = ctx.agent().as_str();
        for new in [true, false] {
            if server
                .store
                .set_remote(&key, row.clone(), new, by, ctx.now())
                .await?
            {
                break;
            }
        }
        let wanted = Wanted {
            depth: args.depth,
            filter: args.filter,
            ..Wanted::default()
        };
        let moved = server.fetch(ctx, &key, ORIGIN, way, wanted).await?;
        let branch = default.clone();
        let commit = server
            .change_bare(ctx, &key, move |repository| {
                let from =
                    found(repository.refname_to_id(&format!("refs/remotes/{ORIGIN}/{branch}")))?;
                let Some(from) = from else { return Ok(None) };
                repository.set_head(&format!("refs/heads/{branch}"))?;
                repository.reference(&format!("refs/heads/{branch}"), from, true, "clone")?;
                Ok::<_, Error>(Some(from.to_string()))
            })
            .await?;
        server.bring(ctx, &key).await?;
        Ok(Output {
            repo: key.repo,
            default_branch: default,
            commit,
            refs: moved.len(),
        })
    }
}

/// The remote's default branch, and the way back.
async fn default_branch(
    server: &Git,
    ctx: &Ctx,
    key: &RepoKey,
    way: Way,
) -> Result<(Way, String), ToolError> {
    let program = server.program()?.clone();
    ctx.progress(0.0, None, "asking for the default branch");
    let (way, answer) = server
        .look_bare(ctx, key, move |repository, stop| {
            let command = program.command(Place::bare(repository), "ls-remote");
            let command = command.flag("--symref").word(way.url()).word(Word::head());
            let answer = way.equip(command).output(&|| stop.is_set());
            Ok(answer
                .map_err(|error| way.failed(error))
                .map(|answer| (way, answer)))
        })
        .await??;
    let default = remote::head(&answer).unwrap_or_else(|| DEFAULT_BRANCH.to_owned());
    name::check_branch(&default).map_err(fault::of)?;
    Ok((way, default))
}

/// A repository that has branches already is not cloned into.
async fn refuse_used(server: &Git, ctx: &Ctx, key: &RepoKey) -> Result<(), ToolError> {
    let used = server.look_bare(ctx, key, |repository, _| {
        Ok(repository.references_glob("refs/heads/*")?.next().is_some())
    });
    if used.await? {
        return Err(ToolError::conflict(format!(
            "the repository {} has commits already",
            key.repo
        ))
        .hint("choose another name as `repo`, or add the address with git_remote and fetch it"));
    }
    Ok(())
}
