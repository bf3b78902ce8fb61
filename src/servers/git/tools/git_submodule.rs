//! `git_submodule`: repositories inside of a repository, as files.

use std::path::Path;

use git2::Repository;

use crate::{
    base::beneath::RelPath,
    servers::git::{
        Git,
        engine::{
            Error, add,
            integrate::tree::entry,
            merge::Side,
            name,
            reset::is_below,
            submodule::{self, Link, State, address, place},
        },
        fault,
        remote::{ORIGIN, submodules::Wish},
        review,
    },
    tool::prelude::*,
};

/// Most submodules that are listed.
const MAX_LISTED: usize = 200;
/// How many levels are listed.
const MAX_DEPTH: usize = 6;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitSubmodule;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Say which there are, and what is at their paths.
    #[default]
    List,
    /// Bring the files of their commits.
    Update,
    /// Stage another commit of one.
    Set,
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `list`, `update` (bring the files of the commits that are staged for them) or `set` (stage another commit of one).
    #[serde(default)]
    pub action: Action,
    /// Only the submodules at or below these paths; with `set` exactly the one. All when left out.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// With `set`: its commit, as a whole id, or a tag or `origin/<branch>` of it that was fetched.
    #[garde(length(bytes, min = 1, max = 256))]
    pub commit: Option<String>,
    /// Submodules in submodules too, five levels down.
    #[serde(default)]
    pub recursive: bool,
    /// With `update`: overwrite what was changed in their files. It is lost.
    #[serde(default)]
    pub force: bool,
    /// With `update`: bring so many of the newest commits. Only the files of one are needed here.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 1_000_000))]
    pub depth: u32,
    /// With `update`: the credential, by its name in git_credential, for submodules on its host. That of remote origin opens those
    /// on the same host as origin by itself.
    pub credential: Option<RepoName>,
}

fn one() -> u32 {
    1
}

/// A submodule.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Item {
    /// Where its files are, from the top of the tree.
    pub path: String,
    /// Its name in .gitmodules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The whole address, where that is relative to the repository's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_url: Option<String>,
    /// The commit that is staged for it.
    pub commit: String,
    /// What is at its path: `absent`, `present` (the files of `commit`), `other_commit` (those of another), or `changed` (files
    /// that were changed, or not put there by this tool).
    pub state: State,
    /// The commit whose files were put there last, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_of: Option<String>,
    /// True when the repository's sparse paths leave it out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// Why it cannot be brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The submodules after the call, the first 200.
    pub items: Vec<Item>,
    /// True when there are more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Paths of those whose files this call wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<String>,
    /// Submodules in them that were not brought: pass recursive: true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<String>,
}

impl Tool for GitSubmodule {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_submodule";
    const ABOUT: &'static str = "List the submodules of your worktree, bring the files of their commits, or stage another commit of one. Their files \
                                 lie at their paths without a repository: read and build with them; to change one, clone its repository with \
                                 git_clone, push there, then `set` the new commit here and `update`. git_status does not tell what changed in \
                                 them, this list does. Returns the submodules with what is at their paths.";
    const ACCESS: Access = Access::Write;
    const DEADLINE: Duration = Duration::from_secs(1_800);
    const HINTS: Hints = Hints {
        destructive: true,
        idempotent: true,
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        let (mut written, mut nested) = (Vec::new(), Vec::new());
        match args.action {
            Action::List => {}
            Action::Update => {
                let wish = Wish {
                    paths: paths
                        .iter()
                        .filter(|path| !path.is_root())
                        .cloned()
                        .collect(),
                    recursive: args.recursive,
                    force: args.force,
                    depth: args.depth,
                    credential: args.credential.map(|name| name.to_string()),
                };
                let repo = args.repo.clone();
                let brought = server.bring_submodules(ctx, repo, wish).await?;
                (written, nested) = (brought.written, brought.nested);
                written.truncate(MAX_LISTED);
                nested.truncate(MAX_LISTED);
            }
            Action::Set => {
                let ([path], Some(commit)) = (paths.as_slice(), args.commit) else {
                    return Err(ToolError::invalid(
                        "/commit",
                        "is required with set, and exactly one of paths",
                    ));
                };
                let path = path.clone();
                server
                    .change(ctx, args.repo.clone(), move |session, _| {
                        set(&session.repository, &path, &commit)
                    })
                    .await?;
            }
        }
        let key = review::key(ctx, args.repo.clone())?;
        let remotes = server.store.remotes(&key).await?.into_iter();
        let origin = remotes.into_iter().find(|remote| remote.name == ORIGIN);
        let base = origin.map(|origin| origin.url);
        server
            .look(ctx, args.repo, move |session, stop| {
                let depth = if args.recursive { MAX_DEPTH } else { 1 };
                let mut items = Vec::new();
                let mut level = vec![(RelPath::root(), base)];
                for _ in 0..depth {
                    let mut next = Vec::new();
                    for (at, base) in level {
                        if stop.is_set() {
                            return Err(Error::Stopped);
                        }
                        list(
                            &session.repository,
                            (&at, base),
                            &paths,
                            &mut items,
                            &mut next,
                        )?;
                    }
                    level = next;
                }
                let truncated = items.len() > MAX_LISTED;
                items.truncate(MAX_LISTED);
                Ok(Output {
                    items,
                    truncated,
                    written,
                    nested,
                })
            })
            .await
    }
}

/// Stages `commit` for the submodule at `path`.
fn set(repository: &Repository, path: &RelPath, commit: &str) -> Result<(), Error> {
    let mut index = repository.index()?;
    index.read(true)?;
    let at = index.get_path(Path::new(path.as_str()), 0);
    if !at.is_some_and(|entry| submodule::is_link(&entry)) {
        return Err(Error::NoSubmodule(path.to_string()));
    }
    let (id, _) = place::commit(repository, path, commit)?;
    let side = Side {
        id,
        mode: submodule::GITLINK,
    };
    index.add(&entry(path.as_str(), &side, 0))?;
    add::save(&mut index)
}

/// Lists the submodules of what lies at `at`; `next` are those in which more may be.
fn list(
    parent: &Repository,
    (at, base): (&RelPath, Option<String>),
    paths: &[RelPath],
    items: &mut Vec<Item>,
    next: &mut Vec<(RelPath, Option<String>)>,
) -> Result<(), Error> {
    for link in submodule::links_at(parent, at)? {
        if items.len() > MAX_LISTED {
            return Ok(());
        }
        if !paths.is_empty() && !is_below(&link.shown, paths) {
            continue;
        }
        let item = item(parent, &link, base.as_deref())?;
        let url = item.resolved_url.clone().or(item.url.clone());
        next.extend(link.path.map(|path| (path, url)));
        items.push(item);
    }
    Ok(())
}

fn item(parent: &Repository, link: &Link, base: Option<&str>) -> Result<Item, Error> {
    let (mut state, mut files_of, mut problem) = (State::Absent, None, link.problem.clone());
    if let Some(path) = &link.path {
        match submodule::held(parent, path, link.commit) {
            Ok(held) => {
                state = held.state;
                files_of = held.commit.filter(|commit| *commit != link.commit);
            }
            Err(Error::Workspace(_) | Error::Files(_)) => {
                problem = Some("a part of its path is a link".to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    let mut resolved_url = None;
    if let Some(url) = &link.url {
        match address::resolve(url, base) {
            Ok(whole) => resolved_url = Some(whole).filter(|whole| whole != url),
            Err(error) => problem = problem.or(Some(error.to_string())),
        }
    }
    Ok(Item {
        path: link.shown.clone(),
        name: link.name.clone(),
        url: link.url.clone(),
        resolved_url,
        commit: link.commit.to_string(),
        state,
        files_of: files_of.map(|commit| commit.to_string()),
        left_out: link.left_out,
        problem,
    })
}
