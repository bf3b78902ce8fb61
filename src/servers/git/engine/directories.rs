//! Directories told apart by their ids, so that nobody reads those that are the same.

use std::mem;

use git2::{Error, ErrorClass, ErrorCode, Index, IndexEntry, ObjectType, Oid, Repository, Tree};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::{shown, submodule::GITLINK};

const TREE: u32 = 0o40_000;

/// A directory of an index, with all that is in it.
#[derive(Debug)]
pub struct Directory {
    /// That of its tree, which need not be written yet.
    pub id: Oid,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: Vec<u8>,
    mode: u32,
    id: Oid,
    below: Option<Directory>,
}

/// A directory of which not all is known yet.
#[derive(Debug, Default)]
struct Open {
    name: Vec<u8>,
    /// Length of its path, with the slash at the end.
    length: usize,
    entries: Vec<Entry>,
}

impl Open {
    fn close(self) -> Result<Entry, Error> {
        let text = text(&self.entries);
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(format!("tree {}\0", text.len()).as_bytes());
        hash.update(&text);
        let id = Oid::from_bytes(hash.finish().as_ref())?;
        Ok(Entry {
            name: self.name,
            mode: TREE,
            id,
            below: Some(Directory {
                id,
                entries: self.entries,
            }),
        })
    }

    fn take(&mut self, name: &[u8], file: &IndexEntry) {
        self.entries.push(Entry {
            name: name.to_vec(),
            mode: file.mode,
            id: file.id,
            below: None,
        });
    }
}

impl Directory {
    /// The top of `index`, which has no conflicts. An index is sorted as its trees are: by path, with a slash after directories.
    pub fn top(index: &Index) -> Result<Self, Error> {
        let (mut open, mut above, mut path) = (Open::default(), Vec::new(), Vec::new());
        for file in index.iter() {
            while !file.path.starts_with(&path)
                && let Some(parent) = above.pop()
            {
                open = closed(open, parent)?;
                path.truncate(open.length);
            }
            let mut rest = file.path.get(path.len()..).unwrap_or_default();
            while let Some(end) = rest.iter().position(|byte| *byte == b'/') {
                let (name, below) = rest.split_at(end);
                path.extend_from_slice(name);
                path.push(b'/');
                let inner = Open {
                    name: name.to_vec(),
                    length: path.len(),
                    entries: Vec::new(),
                };
                above.push(mem::replace(&mut open, inner));
                rest = below.get(1..).unwrap_or_default();
            }
            open.take(rest, &file);
        }
        while let Some(parent) = above.pop() {
            open = closed(open, parent)?;
        }
        let top = open.close()?;
        let (id, entries) = (top.id, top.below.map(|top| top.entries));
        Ok(Self {
            id,
            entries: entries.unwrap_or_default(),
        })
    }

    /// Writes the trees that `base` does not have; with `all_here` no tree whose files are not there. What a tree names is
    /// written before it.
    pub fn write(
        &self,
        repository: &Repository,
        base: Option<&Tree<'_>>,
        all_here: bool,
    ) -> Result<(), Error> {
        let odb = repository.odb()?;
        let mut new = Vec::new();
        let mut apart = vec![(Vec::new(), self, base.cloned())];
        while let Some((path, directory, base)) = apart.pop() {
            if base.as_ref().is_some_and(|base| base.id() == directory.id) {
                continue;
            }
            for entry in &directory.entries {
                let before = base
                    .as_ref()
                    .and_then(|base| base.get_name_bytes(&entry.name));
                if before
                    .as_ref()
                    .is_some_and(|before| before.id() == entry.id)
                {
                    continue;
                }
                let path = [path.as_slice(), &entry.name].concat();
                if let Some(below) = &entry.below {
                    let before = before.filter(|before| before.kind() == Some(ObjectType::Tree));
                    let before = before.map(|before| repository.find_tree(before.id()));
                    apart.push(([&path[..], b"/"].concat(), below, before.transpose()?));
                } else if all_here && entry.mode != GITLINK && !odb.exists(entry.id) {
                    let says = format!(
                        "{} is staged as {}, which is not there",
                        shown(&path),
                        entry.id
                    );
                    return Err(Error::new(ErrorCode::NotFound, ErrorClass::Index, says));
                }
            }
            new.push(directory);
        }
        for directory in new.into_iter().rev() {
            odb.write(ObjectType::Tree, &text(&directory.entries))?;
        }
        Ok(())
    }
}

/// `parent` with `inner` in it.
fn closed(inner: Open, mut parent: Open) -> Result<Open, Error> {
    parent.entries.push(inner.close()?);
    Ok(parent)
}

/// The content of a tree object.
fn text(entries: &[Entry]) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in entries {
        text.extend_from_slice(format!("{:o} ", entry.mode).as_bytes());
        text.extend_from_slice(&entry.name);
        text.push(0);
        text.extend_from_slice(entry.id.as_bytes());
    }
    text
}

/// Paths of the files that are not the same in `old` and `new`, and of directories that one of them does not have.
pub fn differing(
    repository: &Repository,
    old: &Tree<'_>,
    new: &Tree<'_>,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut differing = Vec::new();
    let mut apart = vec![(Vec::new(), old.clone(), new.clone())];
    while let Some((path, old, new)) = apart.pop() {
        let at = |name: &[u8]| [&path, name].concat();
        for entry in &new {
            let name = entry.name_bytes();
            let Some(before) = old.get_name_bytes(name) else {
                differing.push(at(name));
                continue;
            };
            if before.id() == entry.id() && before.filemode() == entry.filemode() {
                continue;
            }
            match (before.kind(), entry.kind()) {
                (Some(ObjectType::Tree), Some(ObjectType::Tree)) => apart.push((
                    [&at(name)[..], b"/"].concat(),
                    repository.find_tree(before.id())?,
                    repository.find_tree(entry.id())?,
                )),
                _ => differing.push(at(name)),
            }
        }
        let gone = old
            .iter()
            .filter(|entry| new.get_name_bytes(entry.name_bytes()).is_none());
        differing.extend(gone.map(|entry| at(entry.name_bytes())));
    }
    Ok(differing)
}
