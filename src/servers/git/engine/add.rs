//! Staging.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use git2::{Index, IndexAddOption, Repository};

use super::{Error, shown};
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
    index.read(true)?;
    for path in paths {
        check(repository, &index, files, path, force)?;
    }
    let mut touched = BTreeSet::new();
    let mut stopped = false;
    let mut each = |path: &Path, _: &[u8]| {
        stopped = stop();
        if stopped {
            return -1;
        }
        let path = shown(path.as_os_str().as_encoded_bytes());
        if !paths.iter().any(|wanted| is_below(&path, wanted)) {
            return 1;
        }
        touched.insert(path);
        0
    };
    let options = if force {
        IndexAddOption::FORCE
    } else {
        IndexAddOption::DEFAULT
    };
    // libgit2 takes these as patterns whatever the flags say, so what could be one is left to the callback.
    let plain = |path: &RelPath| {
        !path.is_root() && !path.as_str().contains(['*', '?', '[', '\\', '!', '#', ' '])
    };
    let specs: Vec<&str> = if paths.iter().all(plain) {
        paths.iter().map(RelPath::as_str).collect()
    } else {
        vec!["*"]
    };
    let done = index.add_all(&specs, options, Some(&mut each));
    if stopped {
        return Err(Error::Stopped);
    }
    done?;
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
    match files.directory(&path.parent(), Links::Refuse) {
        Ok(_) => {}
        // A directory that is gone: its files may be staged as deleted.
        Err(FileError::NotFound | FileError::NotADirectory) if tracked => return Ok(()),
        Err(FileError::NotFound | FileError::NotADirectory) => {
            return Err(Error::NoMatch(path.to_string()));
        }
        Err(FileError::Symlink) => return Err(Error::ThroughLink(path.to_string())),
        Err(other) => return Err(other.into()),
    }
    match files.kind(path) {
        Err(FileError::NotFound) if tracked => Ok(()),
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

fn is_below(path: &str, wanted: &RelPath) -> bool {
    let rest = path.strip_prefix(wanted.as_str());
    wanted.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
