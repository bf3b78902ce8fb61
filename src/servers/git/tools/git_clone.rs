//! `git_clone`: a repository of the project out of one elsewhere.

use std::path::Path;

use git2::ObjectType;

use super::git_fetch::Wanted;
use crate::{
    project::workspace::{Created, DEFAULT_BRANCH, sparse::Cone},
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
    /// Its address, `https://…` or `ssh://…` (also as `git@host:path`), without credentials.
    #[garde(length(bytes, min = 1, max = 2_048))]
    pub url: String,
    /// What the repository is called in the project; `main` when left out. It must not have commits yet.
    pub repo: Option<RepoName>,
    /// The credential that opens it, by its name in git_credential. ssh needs one with a key.
    pub credential: Option<RepoName>,
    /// Only so many of the newest commits of each branch; all when left out.
    #[garde(range(min = 1, max = 1_000_000))]
    pub depth: Option<u32>,
    /// Leave contents of files at the remote until a call needs them: `blob:none` for all but those of the default branch, or
    /// `blob:limit=1m` for those above a size. Much less to bring of a repository with a long history; calls that look into the
    /// past, such as git_blame, take longer the first time.
    #[schemars(with = "Option<String>", regex(pattern = partial::FILTER), example = "blob:none")]
    pub filter: Option<Filter>,
    /// Directories of the repository, such as `services/shop`, that worktrees hold: every agent's has these with all that is
    /// below, the files at the top and those right in each directory above a named one (git's cone mode). The rest stays in
    /// commits, which the other tools read, and git_restore brings what you name. They are names, not patterns; one that is
    /// not there yet is held as soon as a commit brings it. All of the repository when left out.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub sparse_paths: Vec<String>,
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
    /// The directories that worktrees hold, when they do not hold all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sparse_paths: Vec<String>,
    /// Those of them that are not in this commit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
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
        let cone = cone(&args.sparse_paths)?;
        let row = RemoteRow {
            name: ORIGIN.to_owned(),
            url: remote::normal(args.url),
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
        let sparse_paths: Vec<String> = directories(cone.as_ref());
        let (commit, absent) = server
            .change_bare(ctx, &key, move |repository| {
                // Before there is a commit to make worktrees from.
                match &cone {
                    Some(cone) => cone.write(repository)?,
                    None => Cone::remove(repository)?,
                }
                let from =
                    found(repository.refname_to_id(&format!("refs/remotes/{ORIGIN}/{branch}")))?;
                let Some(from) = from else {
                    return Ok((None, directories(cone.as_ref())));
                };
                let tree = repository.find_commit(from)?.tree()?;
                let mut absent = directories(cone.as_ref());
                absent.retain(|path| {
                    let found = tree.get_path(Path::new(path));
                    !found.is_ok_and(|entry| entry.kind() == Some(ObjectType::Tree))
                });
                repository.set_head(&format!("refs/heads/{branch}"))?;
                repository.reference(&format!("refs/heads/{branch}"), from, true, "clone")?;
                Ok::<_, Error>((Some(from.to_string()), absent))
            })
            .await?;
        server.bring_files(ctx, &key).await?;
        Ok(Output {
            repo: key.repo,
            default_branch: default,
            commit,
            refs: moved.len(),
            sparse_paths,
            absent,
        })
    }
}

/// What worktrees hold, if not all.
fn cone(paths: &[String]) -> Result<Option<Cone>, ToolError> {
    let bad = |why: String| ToolError::invalid("/sparse_paths", why);
    if paths.is_empty() {
        return Ok(None);
    }
    let paths = name::paths(paths).map_err(|error| bad(error.to_string()))?;
    let cone = Cone::new(&paths).map_err(|error| bad(error.to_string()))?;
    Ok(Some(cone))
}

fn directories(cone: Option<&Cone>) -> Vec<String> {
    let directories = cone.into_iter().flat_map(Cone::directories);
    directories.map(str::to_owned).collect()
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
