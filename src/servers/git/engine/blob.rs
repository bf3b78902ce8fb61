//! Files and directories of a commit.

use std::ops::ControlFlow;
use std::path::Path;

use git2::{Commit, ObjectType, Oid, Repository, Tree};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Place, Program, Word};

/// Largest content that is held as a whole, in bytes.
pub const MAX_HELD: usize = 8 << 20;

/// What an entry of a commit's tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Kind {
    File,
    Executable,
    /// A symbolic link; its content is where it leads.
    Link,
    Directory,
    /// A commit of another repository.
    Submodule,
}

impl Kind {
    pub fn of(mode: i32) -> Self {
        match mode & 0o170_000 {
            0o040_000 => Self::Directory,
            0o120_000 => Self::Link,
            0o160_000 => Self::Submodule,
            _ if mode & 0o100 != 0 => Self::Executable,
            _ => Self::File,
        }
    }
}

/// A file, link, directory or submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the top of the tree.
    pub path: String,
    pub kind: Kind,
    pub id: Oid,
    /// In bytes; of files and links.
    pub size: Option<usize>,
}

/// The file or link at `path`.
pub fn find(repository: &Repository, commit: &Commit<'_>, path: &RelPath) -> Result<Entry, Error> {
    let entry = at(repository, &commit.tree()?, path)?;
    match entry.kind {
        Kind::Directory => Err(Error::IsDirectory(path.to_string())),
        Kind::Submodule => Err(Error::IsSubmodule(path.to_string())),
        _ => Ok(entry),
    }
}

fn at(repository: &Repository, tree: &Tree<'_>, path: &RelPath) -> Result<Entry, Error> {
    if path.is_root() {
        return Ok(Entry {
            path: String::new(),
            kind: Kind::Directory,
            id: tree.id(),
            size: None,
        });
    }
    let entry = tree
        .get_path(Path::new(path.as_str()))
        .map_err(|_| Error::NoSuchPath(path.to_string()))?;
    let kind = Kind::of(entry.filemode());
    Ok(Entry {
        path: path.to_string(),
        kind,
        id: entry.id(),
        size: size(repository, kind, entry.id())?,
    })
}

fn size(repository: &Repository, kind: Kind, id: Oid) -> Result<Option<usize>, Error> {
    match kind {
        Kind::Directory | Kind::Submodule => Ok(None),
        _ => Ok(Some(repository.odb()?.read_header(id)?.0)),
    }
}

/// `most` bytes of the content `id`, `size` bytes in all, from `start` on.
///
/// # Errors
/// [`Error::TooLarge`] for what is more than the hub may hold at once, unless the program is there to read it.
pub fn piece(
    repository: &Repository,
    git: Option<&Program>,
    id: Oid,
    size: usize,
    (start, most): (usize, usize),
    stop: &dyn Fn() -> bool,
) -> Result<Vec<u8>, Error> {
    let end = start.saturating_add(most).min(size);
    if size <= MAX_HELD {
        let blob = repository.find_blob(id)?;
        return Ok(blob.content().get(start..end).unwrap_or_default().to_vec());
    }
    let git = git.ok_or(Error::TooLarge(MAX_HELD as u64))?;
    let (mut piece, mut at) = (Vec::with_capacity(end.saturating_sub(start)), 0);
    let command = git
        .command(Place::bare(repository), "cat-file")
        .flag("blob");
    command.word(Word::object(id)).each(stop, &mut |bytes| {
        let from = start.saturating_sub(at).min(bytes.len());
        let to = end.saturating_sub(at).min(bytes.len());
        piece.extend_from_slice(bytes.get(from..to).unwrap_or_default());
        at += bytes.len();
        if at >= end {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(piece)
}

/// The entries of the directory at `path`, by path, after `after`, one more than `limit` at most; with `recursive` the
/// files below it instead of its directories.
pub fn list(
    repository: &Repository,
    commit: &Commit<'_>,
    path: &RelPath,
    recursive: bool,
    after: Option<&str>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Entry>, Error> {
    let top = at(repository, &commit.tree()?, path)?;
    let mut entries = Vec::new();
    if top.kind != Kind::Directory {
        entries.push(top);
        return Ok(entries);
    }
    let prefix = if path.is_root() {
        String::new()
    } else {
        format!("{path}/")
    };
    let mut listing = Listing {
        repository,
        recursive,
        after,
        most: limit + 1,
        stop,
        entries,
    };
    listing.directory(&repository.find_tree(top.id)?, &prefix)?;
    Ok(listing.entries)
}

struct Listing<'l> {
    repository: &'l Repository,
    recursive: bool,
    after: Option<&'l str>,
    most: usize,
    stop: &'l dyn Fn() -> bool,
    entries: Vec<Entry>,
}

impl Listing<'_> {
    fn directory(&mut self, tree: &Tree<'_>, prefix: &str) -> Result<(), Error> {
        if (self.stop)() {
            return Err(Error::Stopped);
        }
        for entry in tree {
            if self.entries.len() == self.most {
                return Ok(());
            }
            let path = format!("{prefix}{}", shown(entry.name_bytes()));
            let kind = Kind::of(entry.filemode());
            let enter = self.recursive && entry.kind() == Some(ObjectType::Tree);
            // git sorts a directory as if its name ended in `/`, so this is the order of whole paths.
            let key = if kind == Kind::Directory {
                format!("{path}/")
            } else {
                path.clone()
            };
            if enter {
                if self
                    .after
                    .is_none_or(|after| after < key.as_str() || after.starts_with(&key))
                {
                    self.directory(&self.repository.find_tree(entry.id())?, &key)?;
                }
                continue;
            }
            if self.after.is_some_and(|after| key.as_str() <= after) {
                continue;
            }
            self.entries.push(Entry {
                path,
                kind,
                id: entry.id(),
                size: size(self.repository, kind, entry.id())?,
            });
        }
        Ok(())
    }
}

impl Entry {
    /// Where a page that ends with this entry goes on.
    pub fn key(&self) -> String {
        if self.kind == Kind::Directory {
            format!("{}/", self.path)
        } else {
            self.path.clone()
        }
    }
}
