//! What was deleted: each thing in a directory of its own beside the tree, with a note of what it was.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use crate::base::{
    beneath::{Beneath, Durability, Error, Existing, Kind, Links, RelPath},
    clock::Millis,
    ids::new_id,
};

/// The note.
const NOTE: &str = "note.json";
/// The thing itself.
const CONTENT: &str = "content";
/// Longest note that is read.
const MAX_NOTE: u64 = 64 * 1024;

/// A deleted thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its directory in the trash; later ones sort later.
    pub id: RelPath,
    /// Where it was.
    pub path: String,
    pub kind: Kind,
    pub deleted_ms: Millis,
}

#[derive(Serialize, Deserialize)]
struct Note {
    path: String,
    deleted_ms: Millis,
}

/// Moves what is at `path` into the trash, in one step, whatever it is.
pub fn put(
    files: &Beneath,
    trash: &Beneath,
    path: &RelPath,
    now: Millis,
    durability: Durability,
) -> Result<Item, Error> {
    let kind = files.kind(path)?;
    let id = name(&new_id("trash"))?;
    let item = trash.make_directory(&id)?;
    let note = Note {
        path: path.to_string(),
        deleted_ms: now,
    };
    let text = serde_json::to_vec(&note).unwrap_or_default();
    let put = item
        .write(&name(NOTE)?, &text, Existing::Refuse, durability)
        .and_then(|()| files.move_to(path, &item, &name(CONTENT)?, Existing::Refuse, durability));
    if put.is_err() {
        // What is left is without content, and never listed.
        let _ = item.remove(&name(NOTE)?);
        let _ = trash.remove_directory(&id);
    }
    put?;
    if durability == Durability::Synced {
        trash.sync_directory(&RelPath::root())?;
    }
    Ok(Item {
        id,
        path: note.path,
        kind,
        deleted_ms: now,
    })
}

/// Moves what is at `path` into the trash and lets `put` something there instead; brings it back when that fails.
pub fn instead(
    files: &Beneath,
    trash: &Beneath,
    path: &RelPath,
    now: Millis,
    durability: Durability,
    put_new: impl FnOnce() -> Result<(), Error>,
) -> Result<Item, Error> {
    let item = put(files, trash, path, now, durability)?;
    if let Err(error) = put_new() {
        restore(files, trash, &item, path, durability)?;
        return Err(error);
    }
    Ok(item)
}

/// What is in the trash, the latest first.
pub fn list(trash: &Beneath) -> Result<Vec<Item>, Error> {
    let entries = trash.entries(&RelPath::root())?;
    let ids = entries.iter().rev().filter_map(|entry| entry.name.to_str());
    Ok(ids.filter_map(|id| find(trash, id).ok()).collect())
}

/// The deleted thing of this id.
pub fn find(trash: &Beneath, id: &str) -> Result<Item, Error> {
    let id = name(id)?;
    let item = trash.directory(&id, Links::Refuse)?;
    let mut text = Vec::new();
    let (note, _) = item.file(&name(NOTE)?)?;
    note.take(MAX_NOTE).read_to_end(&mut text)?;
    let note: Note = serde_json::from_slice(&text).map_err(|_| Error::NotFound)?;
    Ok(Item {
        kind: item.kind(&name(CONTENT)?)?,
        id,
        path: note.path,
        deleted_ms: note.deleted_ms,
    })
}

/// Moves a deleted thing to `to`, where nothing may be. The directory must exist.
pub fn restore(
    files: &Beneath,
    trash: &Beneath,
    item: &Item,
    to: &RelPath,
    durability: Durability,
) -> Result<(), Error> {
    let below = trash.directory(&item.id, Links::Refuse)?;
    below.move_to(&name(CONTENT)?, files, to, Existing::Refuse, durability)?;
    // Without content it is not listed; the sweep takes what stays.
    let _ = below.remove(&name(NOTE)?);
    let _ = trash.remove_directory(&item.id);
    Ok(())
}

/// The directories in the trash that were put there before `before`, or hold nothing to bring back.
pub fn expired(trash: &Beneath, before: Millis) -> Result<Vec<RelPath>, Error> {
    let entries = trash.entries(&RelPath::root())?;
    let names = entries.iter().filter_map(|entry| entry.name.to_str());
    let old = names.filter(|id| find(trash, id).map_or(true, |item| item.deleted_ms < before));
    Ok(old.filter_map(|id| name(id).ok()).collect())
}

/// One component.
fn name(text: &str) -> Result<RelPath, Error> {
    let mut path = RelPath::root();
    path.push(text).map_err(|_| Error::NotFound)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_is_listed_and_comes_back_as_it_was() {
        let outer = tempfile::tempdir().unwrap();
        let open = |at: &str| {
            std::fs::create_dir_all(outer.path().join(at)).unwrap();
            Beneath::open(&outer.path().join(at)).unwrap()
        };
        let (files, trash) = (open("in"), open("trash"));
        open("in/dir/.git");
        std::fs::write(outer.path().join("in/dir/.git/config"), "kept").unwrap();
        std::os::unix::fs::symlink("nowhere", outer.path().join("in/link")).unwrap();
        let path = |text| RelPath::parse(text).unwrap();
        let put = |at, now| super::put(&files, &trash, &path(at), now, Durability::Synced);
        let dir = put("dir", 10).unwrap();
        let link = put("link", 20).unwrap();
        assert!(matches!(put("dir", 30), Err(Error::NotFound)));
        assert_eq!(list(&trash).unwrap(), [link.clone(), dir.clone()]);
        assert_eq!((dir.kind, link.kind), (Kind::Directory, Kind::Symlink));
        assert_eq!(expired(&trash, 15).unwrap(), std::slice::from_ref(&dir.id));

        std::fs::write(outer.path().join("in/old"), "old").unwrap();
        let failing = || Err(Error::Special);
        let failed = instead(
            &files,
            &trash,
            &path("old"),
            40,
            Durability::Cached,
            failing,
        );
        assert!(matches!(failed, Err(Error::Special)));
        assert!(outer.path().join("in/old").exists(), "it is back");

        for foreign in ["../in", "", ".", "a/b", "none"] {
            assert!(find(&trash, foreign).is_err(), "{foreign}");
        }
        let bring = |item: &Item, to| restore(&files, &trash, item, &path(to), Durability::Synced);
        assert!(matches!(bring(&dir, "no/where"), Err(Error::NotFound)));
        bring(&dir, "back").unwrap();
        let config = outer.path().join("in/back/.git/config");
        assert_eq!(std::fs::read_to_string(config).unwrap(), "kept");
        assert!(matches!(bring(&link, "back"), Err(Error::Exists)));
        bring(&link, "link").unwrap();
        assert_eq!(list(&trash).unwrap(), []);
        assert!(
            std::fs::read_dir(outer.path().join("trash"))
                .unwrap()
                .next()
                .is_none()
        );
    }
}
