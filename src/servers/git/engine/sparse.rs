//! Worktrees that hold a part of their repository, see [`workspace::sparse`](crate::project::workspace::sparse).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Diff, Index, Repository, Tree};

use super::integrate::tree;
use super::merge::Side;
use super::{Error, add, name, status};
use crate::base::beneath::{Beneath, Error as FileError, RelPath};
use crate::project::workspace::sparse::{Cone, Sight, index, is_marked, set_mark};

/// Paths, as git has them.
pub type Paths = BTreeSet<Vec<u8>>;

/// Marks in the index what is left out, after files came and went: without `save`, for who may not change the tree, in memory
/// alone. Returns whether the index on the disk is another now.
pub fn settle(repository: &Repository, save: bool) -> Result<bool, Error> {
    let Some(cone) = Cone::read(repository)? else {
        return Ok(false);
    };
    let mut index = index(repository)?;
    let changed = Sight::new(&cone, repository).mark(&mut index, false)?;
    if changed {
        if save {
            add::save(&mut index)?;
        }
        repository.set_index(&mut index)?;
    }
    Ok(changed && !save)
}

/// The index as it is compared with the files: what is left out counts as unchanged. Not to be written.
pub fn quiet_index(repository: &Repository) -> Result<Index, Error> {
    let Some(cone) = Cone::read(repository)? else {
        return Ok(repository.index()?);
    };
    let mut index = index(repository)?;
    Sight::new(&cone, repository).mark(&mut index, true)?;
    Ok(index)
}

/// Whether the file at `path` is left out.
pub fn is_left_out(index: &Index, path: &[u8]) -> bool {
    let entry = index.get_path(Path::new(OsStr::from_bytes(path)), 0);
    entry.is_some_and(|entry| is_marked(&entry))
}

/// Whether all that the index has at and below `path` is left out.
pub fn is_all_left_out(index: &Index, path: &RelPath) -> bool {
    let below = format!("{path}/");
    let Ok(first) = index.find_prefix(&below) else {
        return is_left_out(index, path.as_str().as_bytes());
    };
    let mut entries = (first..index.len()).map_while(|at| {
        let entry = index.get(at)?;
        entry.path.starts_with(below.as_bytes()).then_some(entry)
    });
    entries.all(|entry| is_marked(&entry))
}

/// The paths that a checkout is about.
#[derive(Debug, Default)]
pub struct Part {
    /// Those whose files are brought.
    here: Paths,
    /// Those that are left out: the index alone follows.
    aside: Paths,
}

impl Part {
    /// Parts `paths`.
    pub fn of(repository: &Repository, paths: Paths) -> Result<Self, Error> {
        let Some(cone) = Cone::read(repository)? else {
            return Ok(Self::whole(paths));
        };
        let mut sight = Sight::new(&cone, repository);
        let (aside, here) = paths.into_iter().partition(|path| sight.lacks(path));
        Ok(Self { here, aside })
    }

    /// All of `paths`, whether a worktree holds them or not.
    pub fn whole(paths: Paths) -> Self {
        Self {
            here: paths,
            aside: Paths::new(),
        }
    }

    /// Has the files brought; libgit2 would take no paths for all.
    pub fn check_out(&self, bring: impl FnOnce(&Paths) -> Result<(), Error>) -> Result<(), Error> {
        if self.here.is_empty() {
            return Ok(());
        }
        bring(&self.here)
    }

    /// Refuses what is staged where files are left out and would be lost with `target`.
    pub fn refuse_staged(&self, repository: &Repository, target: &Tree<'_>) -> Result<(), Error> {
        let head = name::head(repository)?
            .map(|head| head.tree())
            .transpose()?;
        let index = index(repository)?;
        let mut lost = Vec::new();
        for path in &self.aside {
            let at = Path::new(OsStr::from_bytes(path));
            let staged = index.get_path(at, 0).map(|entry| (entry.id, entry.mode));
            let of_head = head.as_ref().and_then(|head| side(head, at));
            if staged != of_head && staged != side(target, at) {
                lost.push(super::shown(path));
            }
        }
        if lost.is_empty() {
            Ok(())
        } else {
            Err(Error::LocalChanges(lost))
        }
    }

    /// Makes the index that of `target` where files are left out.
    pub fn note(&self, repository: &Repository, target: &Tree<'_>) -> Result<(), Error> {
        if self.aside.is_empty() {
            return Ok(());
        }
        let mut index = index(repository)?;
        let mut added = Vec::new();
        for path in &self.aside {
            let at = Path::new(OsStr::from_bytes(path));
            let _ = index.conflict_remove(at);
            match side(target, at) {
                Some((id, mode)) => {
                    let mut entry = tree::entry(path, &Side { id, mode }, 0);
                    set_mark(&mut entry, true);
                    added.push(entry);
                }
                None if index.get_path(at, 0).is_some() => index.remove(at, 0)?,
                None => {}
            }
        }
        // After those that are gone: a directory may have become a file.
        for entry in &added {
            index.add(entry)?;
        }
        add::save(&mut index)?;
        Ok(repository.set_index(&mut index)?)
    }
}

/// What `tree` has at `path`, unless it is a directory.
fn side(tree: &Tree<'_>, path: &Path) -> Option<(git2::Oid, u32)> {
    let entry = tree.get_path(path).ok()?;
    let file = entry.kind() != Some(git2::ObjectType::Tree);
    file.then(|| (entry.id(), entry.filemode().cast_unsigned()))
}

/// The paths at which `target` differs from HEAD; with `local` also those at which index or files do.
pub fn differing(repository: &Repository, target: &Tree<'_>, local: bool) -> Result<Paths, Error> {
    let head = name::head(repository)?
        .map(|head| head.tree())
        .transpose()?;
    let mut paths = Paths::new();
    collect(
        &mut paths,
        &repository.diff_tree_to_tree(head.as_ref(), Some(target), None)?,
    );
    if local {
        let index = index(repository)?;
        collect(
            &mut paths,
            &repository.diff_tree_to_index(Some(target), Some(&index), None)?,
        );
        let quiet = quiet_index(repository)?;
        collect(
            &mut paths,
            &repository.diff_index_to_workdir(Some(&quiet), None)?,
        );
    }
    Ok(paths)
}

/// The paths at which the index differs from `tree`, where worktrees hold a part.
pub fn staged(repository: &Repository, tree: Option<&Tree<'_>>) -> Result<Paths, Error> {
    let mut paths = Paths::new();
    if Cone::read(repository)?.is_none() {
        return Ok(paths);
    }
    let index = index(repository)?;
    collect(
        &mut paths,
        &repository.diff_tree_to_index(tree, Some(&index), None)?,
    );
    Ok(paths)
}

fn collect(paths: &mut Paths, diff: &Diff<'_>) {
    for delta in diff.deltas() {
        let both = [delta.old_file(), delta.new_file()];
        let named = both.iter().filter_map(git2::DiffFile::path_bytes);
        paths.extend(named.map(<[u8]>::to_vec));
    }
}

/// Brings the files at `paths` that are left out, as the index has them.
pub fn bring_in(repository: &Repository, paths: Paths) -> Result<(), Error> {
    let part = Part::of(repository, paths)?;
    if part.aside.is_empty() {
        return Ok(());
    }
    let mut options = CheckoutBuilder::new();
    options
        .safe()
        .recreate_missing(true)
        .disable_pathspec_match(true);
    for path in &part.aside {
        options.path(path.as_slice());
    }
    Ok(repository.checkout_index(None, Some(&mut options))?)
}

/// `paths` without those that are left out, unless `named` means them: by their own name, or by that of a directory of which
/// no file belongs to the tree.
pub fn asked_for(repository: &Repository, paths: Paths, named: &[RelPath]) -> Result<Paths, Error> {
    let Some(cone) = Cone::read(repository)? else {
        return Ok(paths);
    };
    let mut sight = Sight::new(&cone, repository);
    let is_named = |path: &[u8]| {
        named.iter().any(|named| {
            let named = named.as_str().as_bytes();
            let rest = path.strip_prefix(named).unwrap_or(b"?");
            rest.is_empty() || rest.starts_with(b"/") && !cone.reaches(named)
        })
    };
    let wanted = |path: &Vec<u8>| is_named(path) || !sight.lacks(path);
    Ok(paths.into_iter().filter(wanted).collect())
}

/// Removes files that do not belong to the tree and are as HEAD has them, as git does whenever HEAD moves: they came for the
/// sake of a conflict, or were asked for before.
pub fn tidy(repository: &Repository) -> Result<(), Error> {
    let (Some(cone), Some(top)) = (Cone::read(repository)?, repository.workdir()) else {
        return Ok(());
    };
    settle(repository, true)?;
    let index = index(repository)?;
    let more = index.iter().filter(|entry| !is_marked(entry));
    let more = more.filter(|entry| !cone.holds(&entry.path));
    let more: BTreeSet<String> = more
        .filter_map(|entry| String::from_utf8(entry.path).ok())
        .collect();
    if more.is_empty() {
        return Ok(());
    }
    let changed = status::status(repository, &[], true)?.into_iter();
    let changed: BTreeSet<String> = changed
        .flat_map(|item| [Some(item.path), item.from])
        .flatten()
        .collect();
    let files = Beneath::open(top)?;
    for path in more.difference(&changed) {
        if let Ok(path) = RelPath::parse(path) {
            remove(&files, &path)?;
        }
    }
    settle(repository, true)?;
    Ok(())
}

/// Removes a file, and the directories that it leaves empty.
pub fn remove(files: &Beneath, path: &RelPath) -> Result<(), Error> {
    match files.remove(path) {
        Err(FileError::NotFound | FileError::NotADirectory) => return Ok(()),
        done => done?,
    }
    let mut directory = path.parent();
    while !directory.is_root() && files.remove_directory(&directory).is_ok() {
        directory.pop();
    }
    Ok(())
}
