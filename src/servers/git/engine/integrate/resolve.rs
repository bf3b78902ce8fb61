//! Deciding a conflict.

use std::path::Path;

use git2::{Index, Repository};

use super::super::merge::{self, Conflict, Side};
use super::super::{Error, add};
use super::tree;
use crate::base::beneath::{Beneath, Error as FileError, Kind, Links, RelPath};

/// How it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    Ours,
    Theirs,
    Base,
    /// The whole file.
    Content(Vec<u8>),
    /// As the file in the tree is now; gone when there is none.
    Tree,
}

/// Resolves the conflict at `path` in tree and index. Returns the conflicts that are left.
pub fn resolve(
    repository: &Repository,
    files: &Beneath,
    path: &RelPath,
    how: &Resolution,
) -> Result<Vec<Conflict>, Error> {
    let mut index = repository.index()?;
    index.read(true)?;
    let conflict = merge::conflicts(&index)?
        .into_iter()
        .find(|conflict| conflict.path == path.as_str())
        .ok_or_else(|| Error::NoConflict(path.to_string()))?;
    match files.directory(&path.parent(), Links::Refuse) {
        Ok(_) | Err(FileError::NotFound) => {}
        Err(FileError::Symlink) => return Err(Error::ThroughLink(path.to_string())),
        Err(other) => return Err(other.into()),
    }
    match how {
        Resolution::Ours => take(repository, files, &mut index, path, conflict.ours.as_ref())?,
        Resolution::Theirs => take(
            repository,
            files,
            &mut index,
            path,
            conflict.theirs.as_ref(),
        )?,
        Resolution::Base => take(repository, files, &mut index, path, conflict.base.as_ref())?,
        Resolution::Content(content) => {
            let mode = conflict
                .ours
                .as_ref()
                .or(conflict.theirs.as_ref())
                .map_or(0o100_644, |side| side.mode);
            // A link or a directory in the way is what the conflict was about.
            if files.kind(path).is_ok_and(|kind| kind == Kind::Symlink) {
                files.remove(path)?;
            }
            tree::write(files, path, content)?;
            tree::set_executable(files, path, mode == 0o100_755)?;
            stage(files, &mut index, path)?;
        }
        Resolution::Tree => stage(files, &mut index, path)?,
    }
    add::save(&mut index)?;
    merge::conflicts(&index)
}

fn stage(files: &Beneath, index: &mut Index, path: &RelPath) -> Result<(), Error> {
    let at = Path::new(path.as_str());
    match files.kind(path) {
        Ok(Kind::File | Kind::Symlink) => {
            if files.kind(path)? == Kind::File {
                files.file(path)?;
            }
            Ok(index.add_path(at)?)
        }
        Err(FileError::NotFound | FileError::NotADirectory) => Ok(index.conflict_remove(at)?),
        Ok(Kind::Directory) => Err(FileError::IsDirectory.into()),
        Ok(Kind::Special) => Err(FileError::Special.into()),
        Err(other) => Err(other.into()),
    }
}

/// Makes the file that of `side`; removes it when that side has none.
fn take(
    repository: &Repository,
    files: &Beneath,
    index: &mut Index,
    path: &RelPath,
    side: Option<&Side>,
) -> Result<(), Error> {
    index.conflict_remove(Path::new(path.as_str()))?;
    let Some(side) = side else {
        return match files.remove(path) {
            Ok(()) | Err(FileError::NotFound | FileError::NotADirectory) => Ok(()),
            Err(other) => Err(other.into()),
        };
    };
    index.add(&tree::entry(path.as_str(), side, 0))?;
    let mut options = git2::build::CheckoutBuilder::new();
    options
        .force()
        .disable_pathspec_match(true)
        .path(path.as_str());
    Ok(repository.checkout_index(Some(index), Some(&mut options))?)
}
