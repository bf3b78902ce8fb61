//! Submodules of an agent's tree: what there should be, what is there, and putting it there as files.
//!
//! A path that leads to a submodule in a submodule is whole, from the top of the agent's tree, and so is `parent` the repository as
//! seen from that tree.

pub mod address;
mod gitmodules;
pub mod place;
pub mod way;

use git2::{Index, IndexEntry, Oid, Repository};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, name, shown};
use crate::base::beneath::{Beneath, Kind, RelPath};
use crate::project::workspace::{modules, sparse};

/// Says which there are.
pub const FILE: &str = ".gitmodules";
pub const GITLINK: u32 = 0o160_000;
/// Where an entry's flags have its side of a conflict.
const STAGE: u16 = 0x3000;

/// What is at a submodule's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum State {
    /// No files.
    Absent,
    /// The files of its commit.
    Present,
    /// The files of another commit of it.
    OtherCommit,
    /// Files that were changed, or not put there by git_submodule.
    Changed,
}

/// A submodule that an index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As it is shown.
    pub shown: String,
    /// `None` where it is no path that files may have here.
    pub path: Option<RelPath>,
    pub commit: Oid,
    /// Its name and address, as `.gitmodules` has them.
    pub name: Option<String>,
    pub url: Option<String>,
    /// The sparse paths leave it out.
    pub left_out: bool,
    /// Why it cannot be brought.
    pub problem: Option<String>,
}

/// What there is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub state: State,
    /// The commit whose files were put there last.
    pub commit: Option<Oid>,
}

/// Whether an entry is a submodule.
pub fn is_link(entry: &IndexEntry) -> bool {
    entry.mode == GITLINK && entry.flags & STAGE == 0
}

/// The submodules in the index of `container`, which lies at `at`: an agent's tree, or a submodule that was put there.
pub fn links(container: &Repository, at: &RelPath) -> Result<Vec<Link>, Error> {
    let mut index = container.index()?;
    index.read(false)?;
    let links: Vec<IndexEntry> = index.iter().filter(is_link).collect();
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let declared = declared(container, &index)?;
    let link = |entry: IndexEntry| {
        let text = std::str::from_utf8(&entry.path).ok();
        let path = text.and_then(|text| at.join(text).ok());
        let own = match &declared {
            Ok(all) => all.iter().find(|one| one.path.as_deref() == text),
            Err(_) => None,
        };
        let problem = match (&declared, own) {
            _ if path.is_none() => Some("it is at no path that files may have here".to_owned()),
            (Err(why), _) => Some(why.clone()),
            (Ok(_), None) => Some(".gitmodules does not name it".to_owned()),
            (Ok(_), Some(own)) => problem(own),
        };
        let below = shown(&entry.path);
        Link {
            shown: if at.is_root() {
                below
            } else {
                format!("{at}/{below}")
            },
            path,
            commit: entry.id,
            name: own.map(|own| own.name.clone()),
            url: own.and_then(|own| own.url.clone()),
            left_out: sparse::is_marked(&entry),
            problem,
        }
    };
    Ok(links.into_iter().map(link).collect())
}

/// The submodules in what lies at `at` of an agent's tree: all of it, or a submodule; none of one that was not put there.
pub fn links_at(parent: &Repository, at: &RelPath) -> Result<Vec<Link>, Error> {
    if at.is_root() {
        return links(parent, at);
    }
    match modules::placed(parent, at)? {
        Some(module) => links(&module, at),
        None => Ok(Vec::new()),
    }
}

/// The gitlinks of an agent's tree.
pub fn paths(repository: &Repository) -> Result<Vec<RelPath>, git2::Error> {
    let index = repository.index()?;
    let links = index.iter().filter(is_link);
    let text = |link: IndexEntry| String::from_utf8(link.path).ok();
    Ok(links
        .filter_map(text)
        .filter_map(|text| RelPath::parse(&text).ok())
        .collect())
}

/// The gitlink that `path` is at or below.
pub fn around(index: &Index, path: &RelPath) -> Option<RelPath> {
    let mut at = path.clone();
    while !at.is_root() {
        let entry = index.get_path(std::path::Path::new(at.as_str()), 0);
        if entry.is_some_and(|entry| is_link(&entry)) {
            return Some(at);
        }
        at.pop();
    }
    None
}

/// What `.gitmodules` of the index says, or why it says nothing.
fn declared(
    container: &Repository,
    index: &Index,
) -> Result<Result<Vec<gitmodules::Declared>, String>, Error> {
    let Some(entry) = index.get_path(std::path::Path::new(FILE), 0) else {
        return Ok(Ok(Vec::new()));
    };
    if entry.mode & 0o170_000 != 0o100_000 {
        return Ok(Err(".gitmodules is no file, but a link".to_owned()));
    }
    let blob = container.find_blob(entry.id)?;
    if blob.size() > gitmodules::MAX_BYTES {
        let most = gitmodules::MAX_BYTES;
        return Ok(Err(format!(".gitmodules is larger than {most} bytes")));
    }
    let Ok(text) = std::str::from_utf8(blob.content()) else {
        return Ok(Err(".gitmodules is not UTF-8".to_owned()));
    };
    Ok(gitmodules::read(text).map_err(|bad| bad.to_string()))
}

/// What git refuses in names and addresses.
fn problem(own: &gitmodules::Declared) -> Option<String> {
    if own.name.is_empty() || own.name.split(['/', '\\']).any(|part| part == "..") {
        return Some("its name in .gitmodules is empty or leads up".to_owned());
    }
    match &own.url {
        None => Some(".gitmodules names no url of it".to_owned()),
        Some(url) if url.is_empty() || url.starts_with('-') => {
            Some("its url in .gitmodules is empty, or looks like an option".to_owned())
        }
        Some(_) => None,
    }
}

/// What is at `path`, where `wanted` should be.
pub fn held(parent: &Repository, path: &RelPath, wanted: Oid) -> Result<Held, Error> {
    let of = |state, commit| Ok(Held { state, commit });
    let top = parent.workdir().ok_or(Error::Unborn)?;
    let files = Beneath::open(top)?;
    if !modules::holds(&files, path)? {
        return match files.kind(path) {
            Ok(Kind::Directory) | Err(_) => of(State::Absent, None),
            Ok(_) => of(State::Changed, None),
        };
    }
    let Some(module) = modules::placed(parent, path)? else {
        return of(State::Changed, None);
    };
    let commit = name::head(&module)?.map(|head| head.id());
    if place::unfinished(&module)?.is_some() || !place::changes(parent, path, None)?.is_empty() {
        return of(State::Changed, commit);
    }
    match commit {
        None => of(State::Changed, None),
        Some(commit) if commit == wanted => of(State::Present, Some(commit)),
        commit => of(State::OtherCommit, commit),
    }
}

/// Submodules in whose files something was changed.
pub fn changed(parent: &Repository) -> Result<Vec<String>, Error> {
    let mut changed = Vec::new();
    for link in links(parent, &RelPath::root())? {
        let Some(path) = &link.path else { continue };
        if held(parent, path, link.commit)?.state == State::Changed {
            changed.push(link.shown);
        }
    }
    Ok(changed)
}

/// Submodules whose files are those of another commit than the index says. Looks at no file of theirs.
pub fn behind(parent: &Repository) -> Result<Vec<String>, Error> {
    if !parent.path().join("modules").is_dir() {
        return Ok(Vec::new());
    }
    let mut behind = Vec::new();
    for link in links(parent, &RelPath::root())? {
        let Some(path) = &link.path else { continue };
        // A link on the way is told by whoever wants to go there.
        let Ok(Some(module)) = modules::placed(parent, path) else {
            continue;
        };
        if name::head(&module)?.is_some_and(|head| head.id() != link.commit) {
            behind.push(link.shown);
        }
    }
    Ok(behind)
}
