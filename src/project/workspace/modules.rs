//! Submodules: repositories whose files lie at a path inside of an agent's tree, as files alone.
//!
//! ```text
//! <bare>/modules/<key>.git                       what was fetched for that path, for all agents
//! <bare>/worktrees/<agent>/modules/<key>/        HEAD and index of what was put there for that agent
//! <project>/submodules/<agent>/<repo>/<key>/     its files while the agent's tree has no such submodule
//! ```
//!
//! The key follows from the path alone. A repository is given as seen from an agent's tree.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use git2::{Repository, RepositoryInitOptions};
use sha2::{Digest as _, Sha256};

use super::repository::{configure, open, sync_directory};
use super::{Error, Shelf, leftovers};
use crate::base::beneath::{self, Beneath, Durability, Kind, Links, RelPath};
use crate::base::clock::Millis;
use crate::base::hex::hex;

/// HEAD before anything was put there.
const NOTHING: &str = "ref: refs/heads/nothing\n";

fn key(path: &RelPath) -> String {
    let mut key = hex(&Sha256::digest(path.as_str()));
    key.truncate(40);
    key
}

/// Where it is, in the repository at `bare`.
pub(super) fn store_in(bare: &Path, path: &RelPath) -> PathBuf {
    bare.join("modules").join(format!("{}.git", key(path)))
}

fn store_of(parent: &Repository, path: &RelPath) -> PathBuf {
    store_in(parent.commondir(), path)
}

fn admin_of(parent: &Repository, path: &RelPath) -> PathBuf {
    parent.path().join("modules").join(key(path))
}

/// What was fetched for the submodule at `path`.
pub fn store(parent: &Repository, path: &RelPath) -> Result<Option<Repository>, Error> {
    let store = store_of(parent, path);
    if store.is_dir() {
        open(&store, &store).map(Some)
    } else {
        Ok(None)
    }
}

/// The same, made if it is not there. The caller holds the repository's lock.
pub fn make_store(parent: &Repository, path: &RelPath) -> Result<Repository, Error> {
    let store = store_of(parent, path);
    if !store.is_dir() {
        let staged = store.with_extension("new");
        remove(&staged)?;
        let mut options = RepositoryInitOptions::new();
        options
            .bare(true)
            .mkpath(true)
            .no_reinit(true)
            .external_template(false);
        Repository::init_opts(&staged, &options)?;
        configure(&staged)?;
        fs::rename(&staged, &store)?;
        sync_directory(&parent.commondir().join("modules"))?;
    }
    open(&store, &store)
}

/// The submodule as it was put at `path` of the agent's tree, if it was and its directory is there.
///
/// # Errors
/// What leads to it is a link.
pub fn placed(parent: &Repository, path: &RelPath) -> Result<Option<Repository>, Error> {
    let (admin, store) = (admin_of(parent, path), store_of(parent, path));
    if !admin.join("HEAD").is_file() || !store.is_dir() {
        return Ok(None);
    }
    match files(parent)?.directory(path, Links::Refuse) {
        Err(beneath::Error::NotFound | beneath::Error::NotADirectory) => return Ok(None),
        other => drop(other?),
    }
    let repository = open(&admin, &store)?;
    // libgit2 found the directory by its name: it must be the one that was looked at.
    let top = |of: &Repository| of.workdir().map(fs::canonicalize).transpose();
    let wanted = top(parent)?.map(|top| top.join(path.as_str()));
    if wanted.is_none() || top(&repository)? != wanted {
        return Err(beneath::Error::Symlink.into());
    }
    Ok(Some(repository))
}

/// The same, with its directory, made if it is not there. The caller holds the tree's lock, and the store was made.
pub fn make_placed(parent: &Repository, path: &RelPath) -> Result<Repository, Error> {
    let admin = admin_of(parent, path);
    if !admin.join("HEAD").is_file() {
        remove(&admin)?;
        fs::create_dir_all(&admin)?;
        let store = format!("../../../../modules/{}.git", key(path));
        std::os::unix::fs::symlink(format!("{store}/shallow"), admin.join("shallow"))?;
        fs::write(admin.join("commondir"), format!("{store}\n"))?;
        let entry = fs::read_to_string(parent.path().join("gitdir"))?;
        let top = entry.trim_end().strip_suffix(".git").unwrap_or_default();
        fs::write(admin.join("gitdir"), format!("../../{top}{path}/.git\n"))?;
        fs::write(admin.join("HEAD"), NOTHING)?;
        sync_directory(&admin)?;
    }
    files(parent)?.create_directories(path, Durability::Cached)?;
    let made = placed(parent, path)?;
    made.ok_or_else(|| beneath::Error::NotADirectory.into())
}

/// Removes git's locks in a store: a fetch that was killed leaves them. The caller is the only one who fetches into it.
pub fn break_locks(store: &Repository) -> usize {
    leftovers::break_locks_of(store.commondir(), Millis::MAX)
}

/// Puts the files at `path` aside, unless there are none: a checkout is about to take the submodule away.
pub fn put_aside(parent: &Repository, path: &RelPath) -> Result<(), Error> {
    let Some(shelf) = shelf_of(parent) else {
        return Ok(());
    };
    let files = files(parent)?;
    if !holds(&files, path)? {
        return Ok(());
    }
    fs::create_dir_all(&shelf)?;
    let shelf = Beneath::open(&shelf)?;
    let name = RelPath::parse(&key(path)).map_err(|_| beneath::Error::NotFound)?;
    // What lies there is older, and could not be brought back: something else was at its place.
    let mut free = name.clone();
    for number in 1.. {
        match shelf.kind(&free) {
            Err(beneath::Error::NotFound) => break,
            Err(error) => return Err(error.into()),
            Ok(_) => free = RelPath::parse(&format!("{name}-{number}")).unwrap_or(free),
        }
    }
    if free != name {
        let existing = beneath::Existing::Refuse;
        shelf.rename(&name, &free, existing, Durability::Cached)?;
    }
    files.move_to(
        path,
        &shelf,
        &name,
        beneath::Existing::Refuse,
        Durability::Cached,
    )?;
    // As it is before anything is put there.
    files.create_directories(path, Durability::Cached)?;
    Ok(())
}

/// Brings the files of those of `paths` back that were put aside, where nothing else is.
pub fn bring_back(
    parent: &Repository,
    paths: impl FnOnce() -> Result<Vec<RelPath>, git2::Error>,
) -> Result<(), Error> {
    let Some(shelf) = shelf_of(parent).filter(|shelf| shelf.is_dir()) else {
        return Ok(());
    };
    let (shelf, files) = (Beneath::open(&shelf)?, files(parent)?);
    for path in paths()? {
        let name = RelPath::parse(&key(&path)).map_err(|_| beneath::Error::NotFound)?;
        if shelf.kind(&name).is_err() || holds(&files, &path)? {
            continue;
        }
        match files.remove_directory(&path) {
            Ok(()) | Err(beneath::Error::NotFound) => {}
            // A file or link is there.
            Err(_) => continue,
        }
        files.create_directories(&path.parent(), Durability::Cached)?;
        shelf.move_to(
            &name,
            &files,
            &path,
            beneath::Existing::Refuse,
            Durability::Cached,
        )?;
    }
    Ok(())
}

/// Whether there is a directory at `path` with anything in it.
pub fn holds(files: &Beneath, path: &RelPath) -> Result<bool, beneath::Error> {
    match files.kind(path) {
        Ok(Kind::Directory) => {}
        Ok(_) | Err(beneath::Error::NotFound | beneath::Error::NotADirectory) => return Ok(false),
        Err(error) => return Err(error),
    }
    match files.directory(path, Links::Refuse) {
        Ok(directory) => Ok(!directory.own_entries()?.is_empty()),
        Err(beneath::Error::Symlink) => Ok(false),
        Err(error) => Err(error),
    }
}

fn files(parent: &Repository) -> Result<Beneath, Error> {
    let top = parent.workdir().ok_or(Error::NoRepository)?;
    Ok(Beneath::open(top)?)
}

/// Where files are put aside; none for a repository that is no agent's tree, as a submodule itself.
fn shelf_of(parent: &Repository) -> Option<PathBuf> {
    let is_tree = parent.path().parent()?.file_name()? == "worktrees";
    let top = parent.workdir().filter(|_| is_tree)?;
    let top = fs::canonicalize(top).ok()?;
    let (repo, agent) = (top.file_name()?, top.parent()?.file_name()?);
    let project = top.ancestors().nth(3)?;
    Some(
        project
            .join(Shelf::Submodules.name())
            .join(agent)
            .join(repo),
    )
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
