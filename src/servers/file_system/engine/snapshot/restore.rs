//! Making a tree what it was.

use std::collections::HashSet;
use std::io;

use super::{Change, Difference, Error, Store, What};
use crate::{
    base::beneath::{Beneath, Durability, Error as FileError, Existing, Kind, Links, RelPath},
    project::workspace::{Step, WalkOptions, walk},
};

/// A path that could not be made what it was.
#[derive(Debug)]
pub struct Blocked {
    pub path: RelPath,
    pub error: Error,
}

/// Undoes `differences` from the snapshot to the tree. What came since and would be ignored by the snapshot's own rules stays.
/// `ignored` as in the snapshot.
pub fn restore(
    files: &Beneath,
    store: Store<'_>,
    differences: &[Difference<'_>],
    ignored: bool,
    durability: Durability,
) -> Result<(), Blocked> {
    let blocked = |path: &RelPath| {
        let path = path.clone();
        move |error| Blocked { path, error }
    };
    // What stands in the way of another kind goes first, the deepest first.
    let is_kind = |d: &&Difference<'_>| d.change == Change::Kind;
    let kinds: Vec<&RelPath> = differences.iter().filter(is_kind).map(|d| d.path).collect();
    for difference in differences.iter().rev().filter(|d| d.new.is_some()) {
        let in_the_way = kinds.iter().any(|kind| kind.contains(difference.path));
        if in_the_way {
            let gone = remove(files, difference.path, difference.new);
            gone.map_err(blocked(difference.path))?;
        }
    }
    for difference in differences {
        if let Some(old) = difference.old {
            let put = put(files, store, difference.path, old);
            put.map_err(blocked(difference.path))?;
        }
    }
    remove_new(files, differences, ignored).map_err(blocked(&RelPath::root()))?;
    if durability == Durability::Synced {
        files
            .sync_all()
            .map_err(Error::from)
            .map_err(blocked(&RelPath::root()))?;
    }
    Ok(())
}

/// Removes what was added since, as far as a walk of the restored tree meets it.
fn remove_new(files: &Beneath, differences: &[Difference<'_>], ignored: bool) -> Result<(), Error> {
    let is_new = |d: &&Difference<'_>| d.change == Change::Added;
    let added: HashSet<&RelPath> = differences.iter().filter(is_new).map(|d| d.path).collect();
    let options = WalkOptions {
        hidden: true,
        ignored,
        links: true,
        after: None,
    };
    let mut met = Vec::new();
    walk(files, &RelPath::root(), &options, &mut |visit| {
        if added.contains(visit.path) {
            met.push((visit.path.clone(), visit.kind));
        }
        Ok(Step::Continue)
    })?;
    for (path, kind) in met.iter().rev() {
        if *kind == Kind::Directory {
            // Not empty: something in it is ignored.
            let _ = files.remove_directory(path);
        } else {
            files.remove(path)?;
        }
    }
    Ok(())
}

fn remove(files: &Beneath, path: &RelPath, what: Option<&What>) -> Result<(), Error> {
    let removed = match what {
        Some(What::Directory) => files.remove_directory(path),
        _ => files.remove(path),
    };
    match removed {
        Err(FileError::NotFound) => Ok(()),
        removed => Ok(removed?),
    }
}

fn put(files: &Beneath, store: Store<'_>, path: &RelPath, what: &What) -> Result<(), Error> {
    let cached = Durability::Cached;
    match what {
        What::Directory => {
            files.create_directories(path, cached)?;
        }
        What::Link(target) => {
            files.create_directories(&path.parent(), cached)?;
            remove(files, path, None)?;
            let name = RelPath::parse(path.name().ok_or(Error::Damaged)?);
            files
                .directory(&path.parent(), Links::Refuse)?
                .make_link(&name.map_err(|_| Error::Damaged)?, target)?;
        }
        What::File(file) => {
            files.create_directories(&path.parent(), cached)?;
            let mut content = store.open(&file.hash)?;
            files.write_with(path, Some(file.mode), Existing::Replace, cached, |out| {
                io::copy(&mut content, out)?;
                Ok::<(), Error>(())
            })?;
        }
    }
    Ok(())
}
