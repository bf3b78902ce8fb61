//! Snapshots of a tree: what it holds, by content, so that what has not changed is kept once.
//!
//! They lie beside the tree: `lists/<id>` says what was where, `content/<2>/<62>` holds files by their SHA-256.

mod compare;
mod list;
mod restore;
mod scan;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::base::{
    beneath::{Beneath, Durability, Error as FileError, Existing, Links, RelPath},
    clock::Millis,
};

pub use compare::{Change, Difference, differences};
pub use restore::{Blocked, restore};
pub use scan::{Scope, scan, unseen};

/// What a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub id: String,
    pub created_ms: Millis,
    /// What its maker called it.
    pub label: Option<String>,
    /// Whether it has what `.gitignore` excludes.
    pub ignored: bool,
    pub files: u64,
    pub bytes: u64,
}

/// Something at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub path: RelPath,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    File(File),
    Link(String),
    Directory,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// SHA-256, in hexadecimal digits.
    pub hash: String,
    pub bytes: u64,
    pub mode: u32,
    /// Inode, time of change of content and of inode: with the size they tell that a file is still the same.
    pub stamp: (u64, i64, i64),
}

/// A whole snapshot, entries by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub header: Header,
    pub entries: Vec<Entry>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the snapshot's list is damaged")]
    Damaged,
    #[error("there is no room")]
    NoRoom,
    #[error("stopped")]
    Stopped,
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::File(error.into())
    }
}

/// The directory that snapshots are kept in.
#[derive(Debug, Clone, Copy)]
pub struct Store<'s>(pub &'s Beneath);

impl Store<'_> {
    /// Keeps `snapshot`, whose files are there. It is on the disk when this returns, unless `durability` says that it need not
    /// be.
    pub fn keep(self, snapshot: &Snapshot, durability: Durability) -> Result<(), Error> {
        if durability == Durability::Synced {
            self.0.sync_all()?;
        }
        let lists = path(&["lists"])?;
        self.0.create_directories(&lists, durability)?;
        let at = lists_path(&snapshot.header.id)?;
        self.0
            .write_with(&at, None, Existing::Refuse, durability, |file| {
                list::write(snapshot, file)
            })
    }

    /// What snapshots there are, the latest first.
    pub fn list(self) -> Result<Vec<Header>, Error> {
        let entries = match self.0.entries(&path(&["lists"])?) {
            Err(FileError::NotFound) => return Ok(Vec::new()),
            entries => entries?,
        };
        let ids = entries.iter().rev().filter_map(|entry| entry.name.to_str());
        ids.map(|id| list::header(self.0.file(&lists_path(id)?)?.0))
            .collect()
    }

    /// The snapshot of this id; `None` when there is none.
    pub fn load(self, id: &str) -> Result<Option<Snapshot>, Error> {
        let Ok(at) = lists_path(id) else {
            return Ok(None);
        };
        match self.0.file(&at) {
            Err(FileError::NotFound) => Ok(None),
            opened => Ok(Some(list::read(opened?.0)?)),
        }
    }

    /// The content of a file.
    pub fn open(self, hash: &str) -> Result<std::fs::File, Error> {
        Ok(self.0.file(&content_path(hash)?)?.0)
    }

    /// Whether the content is there.
    pub fn has(self, hash: &str) -> Result<bool, Error> {
        match self.0.kind(&content_path(hash)?) {
            Err(FileError::NotFound) => Ok(false),
            kind => Ok(kind.map(|_| true)?),
        }
    }

    /// Forgets all but the latest `most` snapshots, and then the contents that none of the others has. Says how many went.
    pub fn prune(self, most: usize) -> Result<usize, Error> {
        let headers = self.list()?;
        let old = headers.get(most..).unwrap_or_default();
        for header in old {
            self.0.remove(&lists_path(&header.id)?)?;
        }
        if !old.is_empty() {
            self.sweep(headers.get(..most).unwrap_or_default())?;
        }
        Ok(old.len())
    }

    /// Removes contents that none of `kept` has.
    fn sweep(self, kept: &[Header]) -> Result<(), Error> {
        let mut wanted = HashSet::new();
        for header in kept {
            let snapshot = self.load(&header.id)?.ok_or(Error::Damaged)?;
            wanted.extend(
                snapshot
                    .entries
                    .into_iter()
                    .filter_map(|entry| match entry.what {
                        What::File(file) => Some(file.hash),
                        _ => None,
                    }),
            );
        }
        let content = path(&["content"])?;
        for group in self.0.entries(&content)? {
            let Some(first) = group.name.to_str() else {
                continue;
            };
            let group = self
                .0
                .directory(&path(&["content", first])?, Links::Refuse)?;
            for entry in group.own_entries()? {
                let Some(rest) = entry.name.to_str() else {
                    continue;
                };
                if !wanted.contains(&format!("{first}{rest}")) {
                    group.remove(&path(&[rest])?)?;
                }
            }
        }
        Ok(())
    }
}

fn path(parts: &[&str]) -> Result<RelPath, Error> {
    let mut path = RelPath::root();
    for part in parts {
        path.push(part).map_err(|_| FileError::NotFound)?;
    }
    Ok(path)
}

fn lists_path(id: &str) -> Result<RelPath, Error> {
    path(&["lists", id])
}

fn content_path(hash: &str) -> Result<RelPath, Error> {
    let (first, rest) = hash.split_at_checked(2).ok_or(Error::Damaged)?;
    path(&["content", first, rest])
}
