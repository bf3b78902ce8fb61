//! Files of submodules that a checkout would take away with the submodule: libgit2 removes all that is at its path.
//!
//! They are put aside before, whatever they are, and are there again when the tree has the submodule again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{ObjectType, Repository, Tree};

use super::{is_link, paths};
use crate::base::beneath::RelPath;
use crate::project::workspace::modules;
use crate::servers::git::engine::{Error, sparse::Paths};

/// Puts the files of those submodules aside that the tree has and `target` has not, at `only` where it is given.
pub fn make(repository: &Repository, target: &Tree<'_>, only: Option<&Paths>) -> Result<(), Error> {
    let stays = |path: &Path| {
        let entry = target.get_path(path);
        entry.is_ok_and(|entry| entry.kind() == Some(ObjectType::Commit))
    };
    make_for(repository, &stays, only)
}

/// The same by whether a submodule `stays`.
pub fn make_for(
    repository: &Repository,
    stays: &dyn Fn(&Path) -> bool,
    only: Option<&Paths>,
) -> Result<(), Error> {
    let mut index = repository.index()?;
    index.read(false)?;
    for link in index.iter().filter(is_link) {
        let meant = only.is_none_or(|only| only.iter().any(|path| touches(path, &link.path)));
        if !meant || stays(Path::new(OsStr::from_bytes(&link.path))) {
            continue;
        }
        let text = String::from_utf8(link.path).ok();
        if let Some(path) = text.and_then(|text| RelPath::parse(&text).ok()) {
            modules::put_aside(repository, &path)?;
        }
    }
    Ok(())
}

/// Whether one of them is the other, or below it.
fn touches(one: &[u8], other: &[u8]) -> bool {
    let below = |path: &[u8], of: &[u8]| {
        path.strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    below(one, other) || below(other, one)
}

/// Brings files back whose submodules the tree has again.
pub fn settle(repository: &Repository) -> Result<(), Error> {
    Ok(modules::bring_back(repository, || paths(repository))?)
}
