//! Bringing submodules: which ones, from where, and into whose tree. Nobody is kept waiting while the network is.

use std::collections::BTreeSet;

use git2::{Oid, Repository};

use super::{ORIGIN, Way};
use crate::{
    base::beneath::RelPath,
    project::workspace::modules,
    servers::git::{
        Git, Session,
        cli::{self, Place, Word},
        engine::{
            Error,
            reset::is_below,
            submodule::{self, Held, Link, address, place},
        },
        fault, review,
        store::RemoteRow,
        tree,
    },
    tool::{Code, Ctx, ToolError, prelude::RepoName},
};

/// How many levels of submodules in submodules are brought below the first.
const MAX_DEPTH: usize = 5;
/// Most submodules of one level.
const MAX_AT_ONCE: usize = 200;
/// Most paths that an error lists.
const MAX_LISTED: usize = 50;
/// All commits, for git (its `INFINITE_DEPTH`).
const WHOLE: &str = "2147483647";

/// What to bring.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// These and those below these; all when empty.
    pub paths: Vec<RelPath>,
    /// Submodules in submodules too.
    pub recursive: bool,
    /// Lose what was changed in their files.
    pub force: bool,
    /// So many commits of each.
    pub depth: u32,
    /// The credential for those on its host.
    pub credential: Option<String>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Brought {
    /// Those whose files were written.
    pub written: Vec<String>,
    /// Submodules in them that were not asked for.
    pub nested: Vec<String>,
}

/// Where submodules are looked for: in the tree, or in one that was put there.
#[derive(Debug, Clone)]
struct Container {
    at: RelPath,
    /// The address it came from.
    url: Option<String>,
}

/// One to bring.
#[derive(Debug, Clone)]
struct Wanted {
    container: RelPath,
    path: RelPath,
    commit: Oid,
    url: String,
    /// Its commit was fetched.
    fetched: bool,
    /// Its files are there.
    placed: bool,
}

impl Git {
    /// Brings submodules into the caller's tree.
    pub(in crate::servers::git) async fn bring_submodules(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        wish: Wish,
    ) -> Result<Brought, ToolError> {
        let key = review::key(ctx, repo.clone())?;
        let remotes = self.store.remotes(&key).await?;
        let origin = remotes.into_iter().find(|remote| remote.name == ORIGIN);
        let own = origin.as_ref().and_then(|origin| origin.credential.clone());
        let credentials: Vec<String> = wish.credential.iter().cloned().chain(own).collect();
        let mut level = vec![Container {
            at: RelPath::root(),
            url: origin.map(|origin| origin.url),
        }];
        let mut brought = Brought::default();
        for depth in 0..=MAX_DEPTH {
            let (asked, containers) = (wish.clone(), level.clone());
            let wanted = self
                .look(ctx, repo.clone(), move |session, _| {
                    wanted(session, &containers, &asked)
                })
                .await?;
            if depth > 0 && !wish.recursive || depth == MAX_DEPTH {
                brought.nested = wanted.into_iter().map(|one| one.path.to_string()).collect();
                break;
            }
            if wanted.len() > MAX_AT_ONCE {
                let many = format!("there are {} submodules at once", wanted.len());
                return Err(ToolError::too_large(many).hint("name some of them in `paths`"));
            }
            for one in wanted.iter().filter(|one| !one.fetched && !one.placed) {
                self.fetch_submodule(ctx, repo.clone(), one, &wish, &credentials)
                    .await
                    .map_err(|error| about(one, error))?;
            }
            brought
                .written
                .extend(self.place(ctx, repo.clone(), &wanted, wish.force).await?);
            let next = wanted.into_iter().map(|one| Container {
                at: one.path,
                url: Some(one.url),
            });
            level = next.collect();
            if level.is_empty() {
                break;
            }
        }
        Ok(brought)
    }

    /// Puts those whose files are not there; which ones.
    async fn place(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        wanted: &[Wanted],
        force: bool,
    ) -> Result<Vec<String>, ToolError> {
        let missing = wanted.iter().filter(|one| !one.placed || force).cloned();
        let missing: Vec<Wanted> = missing.collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let most = self.config.max_export_bytes;
        let written = self
            .change(ctx, repo, move |session, stop| {
                put_all(&session.repository, &missing, force, most, &|| {
                    stop.is_set()
                })
            })
            .await?;
        ctx.changed_own("files", true);
        Ok(written)
    }

    /// Fetches the commit of `one` into its store.
    async fn fetch_submodule(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        one: &Wanted,
        wish: &Wish,
        credentials: &[String],
    ) -> Result<(), ToolError> {
        let program = self.program()?.clone();
        let way = self.way_to_submodule(ctx, &one.url, credentials).await?;
        ctx.progress(0.0, None, format!("fetching the submodule {}", one.path));
        // Git refuses to fetch into a shallow repository twice at once.
        let id = tree(ctx, repo.clone())?;
        let _fetching = self.workspaces.lock_submodule(&id, &one.path).await;
        let (path, commit, depth) = (one.path.clone(), one.commit, wish.depth);
        self.look(ctx, repo, move |session, stop| {
            let make = || Ok(modules::make_store(&session.repository, &path)?);
            let store = session.with_refs(make)?;
            modules::break_locks(&store);
            let stop = || stop.is_set();
            let fetch = |depth: &str, refspecs: Vec<Word>| {
                let command = program
                    .command(Place::bare(&store), "fetch")
                    .flag("--no-tags")
                    .flag("--no-write-fetch-head")
                    .flag("--no-auto-maintenance")
                    .flag("--no-recurse-submodules")
                    .option("--depth=", depth);
                let command = way.equip(command.word(way.url()));
                let command = refspecs.into_iter().fold(command, cli::Command::word);
                command.output(&stop)
            };
            if !is_there(&store, commit)? {
                let exact = fetch(&depth.to_string(), vec![Word::object(commit)]);
                let done = match exact {
                    // Some servers hand out what a branch or tag names alone.
                    Err(error) if is_unadvertised(&error) => fetch(WHOLE, heads()?),
                    done => done,
                };
                if let Err(error) = done {
                    return Ok(Err(way.failed(error)));
                }
            }
            if !is_there(&store, commit)? {
                let missing = format!("its url has no commit {commit}");
                return Ok(Err(ToolError::conflict(missing)
                    .hint("it was not pushed there, or is no more: stage another with git_submodule(action: \"set\")")));
            }
            session.with_refs(|| {
                let keep = format!("refs/keep/{commit}");
                store.reference(&keep, commit, true, "fetched")?;
                Ok(Ok(()))
            })
        })
        .await?
    }

    /// The way to `url`, with the first of `credentials` that is for its host.
    async fn way_to_submodule(
        &self,
        ctx: &Ctx,
        url: &str,
        credentials: &[String],
    ) -> Result<Way, ToolError> {
        let host = self.target(url).await?.authority();
        let known = self.store.credentials(ctx.project()).await?;
        let fits = |name: &&String| {
            known
                .iter()
                .any(|row| row.name == **name && row.host == host)
        };
        let remote = RemoteRow {
            name: "submodule".to_owned(),
            url: url.to_owned(),
            credential: credentials.iter().find(fits).cloned(),
        };
        self.way(ctx, &remote).await
    }
}

/// All branches and tags, as refspecs.
fn heads() -> Result<Vec<Word>, Error> {
    let pairs = [
        ("refs/heads", "refs/remotes/origin"),
        ("refs/tags", "refs/tags"),
    ];
    let refspec = |(from, to)| {
        let unsafe_word = |bad: cli::BadWord| Error::Unsafe(bad.to_string());
        let from = Word::below(from).map_err(unsafe_word)?;
        Ok(Word::refspec(
            true,
            Some(&from),
            &Word::below(to).map_err(unsafe_word)?,
        ))
    };
    pairs.into_iter().map(refspec).collect()
}

/// Whether the server has it perhaps, and does not hand it out by its id.
fn is_unadvertised(error: &cli::Error) -> bool {
    let words = [
        "not our ref",
        "unadvertised object",
        "couldn't find remote ref",
    ];
    matches!(error, cli::Error::Failed { said, .. } if words.iter().any(|words| said.contains(words)))
}

fn is_there(store: &Repository, commit: Oid) -> Result<bool, Error> {
    store.odb()?.refresh()?;
    Ok(store.find_commit(commit).is_ok())
}

/// The submodules of `containers` that are asked for.
fn wanted(session: &Session, containers: &[Container], wish: &Wish) -> Result<Vec<Wanted>, Error> {
    let parent = &session.repository;
    let mut all = Vec::new();
    let mut unmet: BTreeSet<&RelPath> = wish.paths.iter().collect();
    for container in containers {
        let top = container.at.is_root();
        for link in submodule::links_at(parent, &container.at)? {
            if top && !wish.paths.is_empty() {
                unmet.retain(|path| !is_below(&link.shown, &[(*path).clone()]));
                if !is_below(&link.shown, &wish.paths) {
                    continue;
                }
            }
            if link.left_out {
                if wish.paths.is_empty() {
                    continue;
                }
                return Err(Error::LeftOut(link.shown));
            }
            all.push(one(parent, container, link)?);
        }
        if let (true, Some(path)) = (top, unmet.first()) {
            return Err(Error::NoSubmodule(path.to_string()));
        }
    }
    Ok(all)
}

fn one(parent: &Repository, container: &Container, link: Link) -> Result<Wanted, Error> {
    let problem = |why: String| Error::SubmoduleProblem {
        path: link.shown.clone(),
        why,
    };
    if let Some(why) = &link.problem {
        return Err(problem(why.clone()));
    }
    let (Some(path), Some(url)) = (link.path.clone(), &link.url) else {
        return Err(problem("it has no path or no url".to_owned()));
    };
    let url = address::resolve(url, container.url.as_deref());
    let url = url.map_err(|error| problem(error.to_string()))?;
    let store = modules::store(parent, &path)?;
    let fetched = match &store {
        Some(store) => is_there(store, link.commit)?,
        None => false,
    };
    let Held { commit, .. } = submodule::held(parent, &path, link.commit)?;
    let placed = commit == Some(link.commit)
        && match modules::placed(parent, &path)? {
            Some(module) => place::unfinished(&module)?.is_none(),
            None => false,
        };
    Ok(Wanted {
        container: container.at.clone(),
        path,
        commit: link.commit,
        url,
        fetched,
        placed,
    })
}

/// All or none: what would be lost is looked for before anything is written.
fn put_all(
    parent: &Repository,
    missing: &[Wanted],
    force: bool,
    most: u64,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<String>, Error> {
    let mut lost = Vec::new();
    for one in missing {
        let links = submodule::links_at(parent, &one.container)?;
        let same = |link: &Link| link.path.as_ref() == Some(&one.path) && link.commit == one.commit;
        if !links.into_iter().any(|link| same(&link)) {
            return Err(Error::SubmoduleProblem {
                path: one.path.to_string(),
                why: "another commit of it was staged meanwhile".to_owned(),
            });
        }
        if !force {
            lost.extend(place::lost(parent, &one.path, one.commit)?);
        }
    }
    if !lost.is_empty() {
        lost.truncate(MAX_LISTED);
        return Err(Error::SubmoduleChanges(lost));
    }
    let mut written = Vec::new();
    for one in missing {
        place::put(parent, &one.path, one.commit, most, stop)?;
        written.push(one.path.to_string());
    }
    Ok(written)
}

/// The error, said of a submodule: its url is no argument of the call.
fn about(one: &Wanted, error: ToolError) -> ToolError {
    let path = one.path.to_string();
    if error.code == Code::InvalidArgument {
        let details: Vec<String> = error.fields.into_iter().map(|field| field.detail).collect();
        return fault::of(Error::SubmoduleProblem {
            path,
            why: format!("its url {}", details.join("; ")),
        });
    }
    ToolError {
        message: format!("the submodule {path}: {}", error.message),
        ..error
    }
}
