//! Putting a submodule's commit into an agent's tree.
//!
//! HEAD of the submodule says which commit's files were put there last, and a note beside it which are being put, so that whatever
//! stops a hub half-way, the next call knows what is the agent's and what is not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use git2::{Delta, Index, ObjectType, Oid, Repository, Tree};

use super::{held, links};
use crate::base::beneath::{Beneath, Error as FileError, Kind, Links, RelPath};
use crate::project::workspace::modules;
use crate::servers::git::engine::{
    Error, blob, branch, export, name, shown,
    status::{self, Change},
};

/// The commit that is being put there.
const NOTE: &str = "syndarix-putting";

/// The commit of which files were being put there when a hub died.
pub fn unfinished(module: &Repository) -> Result<Option<Oid>, Error> {
    match fs::read_to_string(note(module)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(text) => Ok(Oid::from_str(text.trim_end()).ok()),
    }
}

fn note(module: &Repository) -> PathBuf {
    module.path().join(NOTE)
}

/// The files at `path` that are not those of `commit`, or of what was put there; those that are missing are not told.
pub fn changes(
    parent: &Repository,
    path: &RelPath,
    commit: Option<Oid>,
) -> Result<BTreeSet<String>, Error> {
    let Some(module) = modules::placed(parent, path)? else {
        return Ok(BTreeSet::new());
    };
    if let Some(commit) = commit {
        let mut index = Index::new()?;
        index.read_tree(&module.find_commit(commit)?.tree()?)?;
        module.set_index(&mut index)?;
    }
    let changed = status::status(&module, &[], true)?.into_iter();
    let changed = changed.filter(|item| item.unstaged.is_some_and(|how| how != Change::Deleted));
    Ok(changed.map(|item| item.path).collect())
}

/// What would be lost if the files at `path` became those of `target`. What is there already as it should be is not.
pub fn lost(parent: &Repository, path: &RelPath, target: Oid) -> Result<Vec<String>, Error> {
    let files = Beneath::open(parent.workdir().ok_or(Error::Unborn)?)?;
    match files.directory(&path.parent(), Links::Refuse) {
        Err(FileError::Symlink) => return Err(Error::ThroughLink(path.to_string())),
        Err(FileError::NotFound) => return Ok(Vec::new()),
        other => drop(other?),
    }
    match files.kind(path) {
        Err(FileError::NotFound) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
        Ok(Kind::Directory) => {}
        Ok(_) => return Ok(vec![path.to_string()]),
    }
    if !modules::holds(&files, path)? {
        return Ok(Vec::new());
    }
    let module = modules::make_placed(parent, path)?;
    let tree = module.find_commit(target)?.tree()?;
    let mut lost = changes(parent, path, None)?;
    for known in [unfinished(&module)?, Some(target)].into_iter().flatten() {
        if !lost.is_empty() {
            let differs = changes(parent, path, Some(known))?;
            lost.retain(|one| differs.contains(one));
        }
    }
    let head = name::head(&module)?.map(|head| head.tree()).transpose()?;
    lost.retain(|one| {
        let tracked = head
            .as_ref()
            .is_some_and(|head| head.get_path(Path::new(one)).is_ok());
        tracked || is_in_the_way(&tree, one)
    });
    let inside = files.directory(path, Links::Refuse)?;
    lost.extend(ignored(&module, &inside, head.as_ref(), &tree)?);
    for link in links(&module, path)? {
        let Some(at) = &link.path else { continue };
        let below = at
            .as_str()
            .get(path.as_str().len() + 1..)
            .unwrap_or_default();
        let stays = tree.get_path(Path::new(below));
        let stays = stays.is_ok_and(|entry| entry.kind() == Some(ObjectType::Commit));
        if !stays && held(parent, at, link.commit)?.state == super::State::Changed {
            lost.insert(below.to_owned());
        }
    }
    Ok(lost
        .into_iter()
        .map(|one| format!("{path}/{one}"))
        .collect())
}

/// Whether a file at `path` cannot stay beside what `tree` has.
fn is_in_the_way(tree: &Tree<'_>, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let Some(entry) = path
            .get(..end)
            .and_then(|part| tree.get_path(Path::new(part)).ok())
        else {
            return false;
        };
        match entry.kind() {
            Some(ObjectType::Tree) if end < path.len() => {}
            Some(ObjectType::Commit) => return false,
            _ => return true,
        }
    }
    false
}

/// Files that `.gitignore` hides from [`changes`], where `tree` has new ones.
fn ignored(
    module: &Repository,
    inside: &Beneath,
    head: Option<&Tree<'_>>,
    tree: &Tree<'_>,
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let diff = module.diff_tree_to_tree(head, Some(tree), None)?;
    for delta in diff.deltas().filter(|delta| delta.status() == Delta::Added) {
        let file = delta.new_file();
        let text = file
            .path_bytes()
            .and_then(|path| std::str::from_utf8(path).ok());
        let Some(at) = text.and_then(|text| RelPath::parse(text).ok()) else {
            continue;
        };
        if !module.is_path_ignored(at.as_str())? {
            continue;
        }
        let same = match inside.file(&at) {
            Err(FileError::NotFound | FileError::NotADirectory) => true,
            Err(_) => false,
            Ok((opened, _)) => {
                let mut content = Vec::new();
                let most = blob::MAX_HELD as u64;
                opened.take(most).read_to_end(&mut content)?;
                Oid::hash_object(ObjectType::Blob, &content)? == file.id()
            }
        };
        if !same {
            found.push(at.to_string());
        }
    }
    Ok(found)
}

/// Makes the files at `path` those of `target`, which is in the submodule's store; what differs is lost, see [`lost`]. May be
/// repeated after a crash at any point. The caller holds the tree's lock.
///
/// # Errors
/// Before anything is touched: [`Error::Unsafe`] for names and links that may not be written, [`Error::TooLarge`] above
/// `most` bytes.
pub fn put(
    parent: &Repository,
    path: &RelPath,
    target: Oid,
    most: u64,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let store = modules::store(parent, path)?.ok_or(Error::NotFetched(target))?;
    let commit = store
        .find_commit(target)
        .map_err(|_| Error::NotFetched(target))?;
    export::check(&store, &commit, most, stop)?;
    let files = Beneath::open(parent.workdir().ok_or(Error::Unborn)?)?;
    if files.kind(path).is_ok_and(|kind| kind != Kind::Directory) {
        files.remove(path)?;
    }
    let module = modules::make_placed(parent, path)?;
    let before = unfinished(&module)?.filter(|before| *before != target);
    for commit in before.into_iter().chain([target]) {
        // What an interrupted call had begun is ended: what it left is known then.
        begin(&module, commit)?;
        branch::tree(&module, &module.find_object(commit, None)?, true)?;
        module.set_head_detached(commit)?;
        fs::remove_file(note(&module))?;
    }
    Ok(())
}

fn begin(module: &Repository, commit: Oid) -> Result<(), Error> {
    let staged = note(module).with_extension("new");
    let mut file = File::create(&staged)?;
    file.write_all(format!("{commit}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&staged, note(module))?;
    Ok(File::open(module.path())?.sync_all()?)
}

/// The commit that `text` means for the submodule at `path`: one that was fetched, or any whole id.
pub fn commit(parent: &Repository, path: &RelPath, text: &str) -> Result<(Oid, bool), Error> {
    if let Some(store) = modules::store(parent, path)?
        && let Ok(commit) = name::commit(&store, text)
    {
        return Ok((commit.id(), true));
    }
    let whole = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = Oid::from_str(text).ok().filter(|_| whole);
    let id = id.ok_or_else(|| Error::NoSuchRevision(shown(text.as_bytes())))?;
    Ok((id, false))
}
