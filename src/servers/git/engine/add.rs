//! Staging.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Delta, DiffOptions, Index, Repository};

use super::{Error, pathspec, shown, sparse, submodule};
use crate::base::beneath::{Beneath, Error as FileError, Kind, Links, RelPath};

/// Stages what changed at or below `paths`: new, modified and deleted files. Returns the paths that changed in the index.
///
/// # Errors
/// All or nothing: [`Error::NoMatch`], [`Error::Ignored`] (unless `force`), and [`Error::ThroughLink`], because a path
/// through a link would read what lies behind it.
pub fn add(
    repository: &Repository,
    files: &Beneath,
    paths: &[RelPath],
    force: bool,
    stop: &dyn Fn() -> bool,
) -> Result<BTreeSet<String>, Error> {
    let mut index = repository.index()?;
    for path in paths {
        check(repository, &index, files, path, force)?;
    }
    let mut options = DiffOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(force)
        .recurse_ignored_dirs(force)
        .include_typechange(true)
        .disable_pathspec_match(true);
    for path in pathspec::of(paths) {
        options.pathspec(path);
    }
    let compared = sparse::quiet_index(repository)?;
    let diff = repository.diff_index_to_workdir(Some(&compared), Some(&mut options))?;
    let mut touched = BTreeSet::new();
    for delta in diff.deltas() {
        if stop() {
            return Err(Error::Stopped);
        }
        let (old, new) = (delta.old_file(), delta.new_file());
        let Some(bytes) = new.path_bytes().or_else(|| old.path_bytes()) else {
            continue;
        };
        let path = Path::new(OsStr::from_bytes(bytes));
        if delta.status() == Delta::Deleted || !new.exists() {
            index.remove_path(path)?;
        } else {
            index.add_path(path)?;
        }
        touched.insert(shown(bytes));
    }
    save(&mut index)?;
    Ok(touched)
}

/// Refuses a path that leads through a link, names nothing, or is ignored.
fn check(
    repository: &Repository,
    index: &Index,
    files: &Beneath,
    path: &RelPath,
    force: bool,
) -> Result<(), Error> {
    if path.is_root() {
        return Ok(());
    }
    let tracked = is_tracked(index, path);
    if let Some(submodule) = submodule::around(index, path).filter(|link| link != path) {
        return Err(Error::InSubmodule {
            path: path.to_string(),
            submodule: submodule.to_string(),
        });
    }
    let left_out = || {
        if sparse::is_all_left_out(index, path) {
            return Err(Error::LeftOut(path.to_string()));
        }
        Ok(())
    };
    match files.directory(&path.parent(), Links::Refuse) {
        Ok(_) => {}
        // A directory that is gone: its files may be staged as deleted.
        Err(FileError::NotFound | FileError::NotADirectory) if tracked => return left_out(),
        Err(FileError::NotFound | FileError::NotADirectory) => {
            return Err(Error::NoMatch(path.to_string()));
        }
        Err(FileError::Symlink) => return Err(Error::ThroughLink(path.to_string())),
        Err(other) => return Err(other.into()),
    }
    match files.kind(path) {
        Err(FileError::NotFound) if tracked => left_out(),
        Err(FileError::NotFound) => Err(Error::NoMatch(path.to_string())),
        Err(other) => Err(other.into()),
        // A file with several links may be one from outside.
        Ok(Kind::File) => match files.file(path) {
            Err(FileError::HardLinked) => Err(FileError::HardLinked.into()),
            _ if !tracked && !force && repository.is_path_ignored(path.as_str())? => {
                Err(Error::Ignored(path.to_string()))
            }
            _ => Ok(()),
        },
        Ok(Kind::Special) => Err(FileError::Special.into()),
        Ok(Kind::Directory | Kind::Symlink) => Ok(()),
    }
}

fn is_tracked(index: &Index, path: &RelPath) -> bool {
    let below = format!("{path}/");
    index.get_path(Path::new(path.as_str()), 0).is_some() || index.find_prefix(&below).is_ok()
}

/// Writes the index, durably.
pub fn save(index: &mut Index) -> Result<(), Error> {
    index.write()?;
    if let Some(path) = index.path() {
        File::open(path)?.sync_all()?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
    }
    Ok(())
}
