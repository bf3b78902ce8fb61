//! Changes put aside.
//!
//! A repository has one list of them for all its trees; an agent sees and moves its own alone, told by who stashed.

use git2::{ErrorCode, ObjectType, Oid, Repository, Signature, StashFlags, Tree};

use super::commit::Who;
use super::integrate::{state, tree};
use super::merge::{self, Side};
use super::{Error, add, branch, name, reset, shown, sparse, submodule, written};
use crate::base::beneath::{Beneath, Kind, RelPath};
use crate::project::workspace::sparse::Cone;

/// One of the agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stash {
    /// Among the agent's own, newest 0.
    pub number: usize,
    pub commit: Oid,
    pub message: String,
    /// Seconds since the epoch.
    pub time: i64,
    /// Among all of the repository's.
    at: usize,
}

/// The agent's stashes, newest first.
pub fn list(repository: &mut Repository, who: &Who) -> Result<Vec<Stash>, Error> {
    let mut all = Vec::new();
    repository.stash_foreach(|at, message, id| {
        all.push((at, message.to_owned(), *id));
        true
    })?;
    let mut own = Vec::new();
    for (at, message, commit) in all {
        let made = repository.find_commit(commit)?;
        let by = made.committer();
        if shown(by.email_bytes()) == who.email && shown(by.name_bytes()) == who.name {
            own.push(Stash {
                number: own.len(),
                commit,
                message,
                time: made.time().seconds(),
                at,
            });
        }
    }
    Ok(own)
}

/// Puts all changes to tracked files aside, with `untracked` the new files too; tree and index are those of HEAD then.
pub fn push(
    repository: &mut Repository,
    files: &Beneath,
    who: &Who,
    message: Option<&str>,
    untracked: bool,
) -> Result<Oid, Error> {
    state::refuse(repository)?;
    let head = name::head(repository)?.ok_or(Error::Unborn)?.tree()?;
    refuse_links(repository, files, &head, &RelPath::root())?;
    let staged = sparse::staged(repository, Some(&head))?;
    submodule::way::make(repository, &head, None)?;
    drop(head);
    let stasher: Signature<'static> = who.signature()?;
    let mut flags = if untracked {
        StashFlags::INCLUDE_UNTRACKED
    } else {
        StashFlags::DEFAULT
    };
    let sparse = Cone::read(repository)?.is_some();
    if sparse {
        // libgit2 would check out what is left out too, and it reads what is staged from the files.
        flags |= StashFlags::KEEP_ALL;
        sparse::bring_in(repository, staged)?;
        add::save(&mut sparse::quiet_index(repository)?)?;
        repository.index()?.read(true)?;
    }
    let saved = repository.stash_save2(&stasher, message, Some(flags));
    sparse::settle(repository, true)?;
    let made = match saved {
        Err(error) if error.code() == ErrorCode::NotFound => return Err(Error::NothingToStash),
        made => made?,
    };
    let stashed = repository.find_commit(made)?;
    let base = stashed.parent(0)?;
    if sparse {
        if let Ok(new) = stashed.parent(2) {
            remove_all(repository, files, &new.tree()?, &RelPath::root())?;
        }
        branch::tree(repository, base.as_object(), true)?;
        sparse::tidy(repository)?;
    }
    // libgit2 leaves an entry alone whose file is as it should be.
    reset::restore_index(repository, Some(&base), &[RelPath::root()])?;
    drop((base, stashed));
    Ok(made)
}

/// Removes the files of `tree`, which are stashed.
fn remove_all(
    repository: &Repository,
    files: &Beneath,
    tree: &Tree<'_>,
    at: &RelPath,
) -> Result<(), Error> {
    for entry in tree {
        let Some(path) = entry.name().ok().and_then(|name| at.join(name).ok()) else {
            continue;
        };
        if entry.kind() == Some(ObjectType::Tree) {
            remove_all(repository, files, &repository.find_tree(entry.id())?, &path)?;
        } else {
            sparse::remove(files, &path)?;
        }
    }
    Ok(())
}

/// Brings the stash back, staged as it was; with `keep` it stays in the list too.
///
/// Not by libgit2's own apply, which writes new files before it finds that another is in the way.
///
/// # Errors
/// Before anything is changed: [`Error::StashConflicts`] with what was committed since, [`Error::LocalChanges`].
pub fn apply(
    repository: &mut Repository,
    files: &Beneath,
    who: &Who,
    number: usize,
    keep: bool,
) -> Result<Stash, Error> {
    state::refuse(repository)?;
    if name::head(repository)?.is_none() {
        return Err(Error::Unborn);
    }
    tree::refuse_staged(repository)?;
    let stash = find(repository, who, number)?;
    let made = repository.find_commit(stash.commit)?;
    let base = made.parent(0)?.tree()?;
    let head = name::head(repository)?.ok_or(Error::Unborn)?.tree()?;
    let new_files = match made.parent(2) {
        Ok(new) => untracked(repository, files, &new.tree()?, &RelPath::root())?,
        Err(_) => Vec::new(),
    };
    let merged = merged(repository, &stash, &base, &head, &made.tree()?)?;
    refuse_links(repository, files, &merged, &RelPath::root())?;
    let staged = made.parent(1)?.tree()?;
    let staged_too = if staged.id() == base.id() {
        None
    } else {
        Some(self::merged(repository, &stash, &base, &head, &staged)?)
    };
    branch::files(repository, merged.as_object())?;
    for (path, side) in new_files {
        tree::put_side(repository, files, &path, &side)?;
    }
    if let Some(tree) = &staged_too {
        let mut index = repository.index()?;
        index.read_tree(tree)?;
        add::save(&mut index)?;
    }
    drop((made, base, head, merged, staged, staged_too));
    if !keep {
        repository.stash_drop(stash.at)?;
    }
    Ok(stash)
}

/// HEAD with what changed from `base` to `theirs`.
fn merged<'r>(
    repository: &'r Repository,
    stash: &Stash,
    base: &Tree<'_>,
    head: &Tree<'_>,
    theirs: &Tree<'_>,
) -> Result<Tree<'r>, Error> {
    let index = repository.merge_trees(base, head, theirs, Some(&merge::options()))?;
    let conflicts = merge::conflicts(&index)?;
    if !conflicts.is_empty() {
        return Err(Error::StashConflicts {
            commit: stash.commit,
            paths: conflicts
                .into_iter()
                .map(|conflict| conflict.path)
                .collect(),
        });
    }
    Ok(repository.find_tree(written::tree(repository, &index, Some(head))?)?)
}

/// The files that were put aside without being tracked.
fn untracked(
    repository: &Repository,
    files: &Beneath,
    tree: &Tree<'_>,
    at: &RelPath,
) -> Result<Vec<(RelPath, Side)>, Error> {
    let mut found = Vec::new();
    for entry in tree {
        let name = shown(entry.name_bytes());
        let path = at.join(&name).map_err(|_| {
            Error::Unsafe(format!("{name:?} is not a name that can be written here"))
        })?;
        if entry.kind() == Some(ObjectType::Tree) {
            if files.kind(&path).is_ok_and(|kind| kind == Kind::Symlink) {
                return Err(Error::ThroughLink(path.to_string()));
            }
            found.extend(untracked(
                repository,
                files,
                &repository.find_tree(entry.id())?,
                &path,
            )?);
        } else if files.kind(&path).is_ok() {
            return Err(Error::LocalChanges(vec![path.to_string()]));
        } else {
            let side = Side {
                id: entry.id(),
                mode: entry.filemode().cast_unsigned(),
            };
            found.push((path, side));
        }
    }
    Ok(found)
}

/// Forgets the stash.
pub fn drop_one(repository: &mut Repository, who: &Who, number: usize) -> Result<Stash, Error> {
    let stash = find(repository, who, number)?;
    repository.stash_drop(stash.at)?;
    Ok(stash)
}

fn find(repository: &mut Repository, who: &Who, number: usize) -> Result<Stash, Error> {
    list(repository, who)?
        .into_iter()
        .nth(number)
        .ok_or(Error::NoStash(number))
}

/// Refuses links where HEAD has directories: making the tree that of HEAD would write through them.
fn refuse_links(
    repository: &Repository,
    files: &Beneath,
    tree: &Tree<'_>,
    at: &RelPath,
) -> Result<(), Error> {
    for entry in tree
        .iter()
        .filter(|entry| entry.kind() == Some(ObjectType::Tree))
    {
        let Some(path) = entry.name().ok().and_then(|name| at.join(name).ok()) else {
            continue;
        };
        match files.kind(&path) {
            Ok(Kind::Symlink) => return Err(Error::ThroughLink(path.to_string())),
            Ok(Kind::Directory) => {
                refuse_links(repository, files, &repository.find_tree(entry.id())?, &path)?;
            }
            _ => {}
        }
    }
    Ok(())
}
