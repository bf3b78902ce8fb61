//! Commits that are on the disk when they are said to be, and trees.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{Commit, Error, Index, ObjectType, Oid, Repository, Signature, Tree};

use super::sign::SigningKey;
use crate::project::workspace::{self, sparse::Cone};

/// Writes a commit. No reference moves.
///
/// libgit2's own `git_commit_create` (1.9.7) answers an id all the same when the object could not be written, on a full disk for
/// instance; its writer of objects says what is wrong.
pub fn commit(
    repository: &Repository,
    author: &Signature<'_>,
    committer: &Signature<'_>,
    message: &str,
    tree: &Tree<'_>,
    parents: &[&Commit<'_>],
    key: Option<&SigningKey>,
) -> Result<Oid, super::Error> {
    let text = repository.commit_create_buffer(author, committer, message, tree, parents)?;
    let odb = repository.odb()?;
    Ok(match key {
        Some(key) => odb.write(ObjectType::Commit, &key.sign(&text)?)?,
        None => odb.write(ObjectType::Commit, &text)?,
    })
}

/// Writes the tree of `index`, which has no conflicts.
///
/// libgit2 asks for each file whether its object is there, and in a partial clone those that a worktree leaves out need not be.
/// So with such worktrees only the directories are written in which `index` differs from `base`.
pub fn tree(
    repository: &Repository,
    index: &mut Index,
    base: Option<&Tree<'_>>,
) -> Result<Oid, workspace::Error> {
    if Cone::read(repository)?.is_none() {
        return Ok(index.write_tree_to(repository)?);
    }
    let diff = repository.diff_tree_to_index(base, Some(index), None)?;
    let mut changes = BTreeMap::new();
    for delta in diff.deltas() {
        let both = [delta.old_file(), delta.new_file()];
        for path in both.iter().filter_map(git2::DiffFile::path_bytes) {
            let entry = index.get_path(Path::new(OsStr::from_bytes(path)), 0);
            changes.insert(path.to_vec(), entry.map(|entry| (entry.mode, entry.id)));
        }
    }
    let written = directory(repository, base, changes)?;
    let empty = || repository.odb()?.write(ObjectType::Tree, b"");
    Ok(written.map_or_else(empty, Ok)?)
}

/// Files by their paths from some directory on: mode and content, or none.
type Changes = BTreeMap<Vec<u8>, Option<(u32, Oid)>>;

/// Writes `base` with `changes`; `None` when nothing is left in it.
fn directory(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    changes: Changes,
) -> Result<Option<Oid>, Error> {
    // By name, that of a directory with a slash at its end: so git sorts them.
    let mut entries = BTreeMap::new();
    for entry in base.into_iter().flatten() {
        let mut name = entry.name_bytes().to_vec();
        if entry.kind() == Some(ObjectType::Tree) {
            name.push(b'/');
        }
        entries.insert(name, (entry.filemode_raw().cast_unsigned(), entry.id()));
    }
    let mut below: BTreeMap<Vec<u8>, Changes> = BTreeMap::new();
    for (path, file) in changes {
        let mut parts = path.splitn(2, |byte| *byte == b'/');
        let (Some(name), rest) = (parts.next(), parts.next()) else {
            continue;
        };
        match (rest, file) {
            (Some(rest), file) => {
                let name = [name, b"/"].concat();
                below.entry(name).or_default().insert(rest.to_vec(), file);
            }
            (None, Some(file)) => {
                entries.insert(name.to_vec(), file);
            }
            (None, None) => {
                entries.remove(name);
            }
        }
    }
    for (name, changes) in below {
        let before = entries.remove(&name);
        let before = before.map(|(_, id)| repository.find_tree(id)).transpose()?;
        if let Some(id) = directory(repository, before.as_ref(), changes)? {
            entries.insert(name, (0o40_000, id));
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for (name, (mode, id)) in &entries {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        text.extend_from_slice(format!("{mode:o} ").as_bytes());
        text.extend_from_slice(name);
        text.push(0);
        text.extend_from_slice(id.as_bytes());
    }
    repository.odb()?.write(ObjectType::Tree, &text).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::beneath::RelPath;
    use crate::servers::git::engine::{integrate::tree::entry, merge::Side};

    #[test]
    fn a_commit_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let tree = repository.treebuilder(None).unwrap().write().unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let who = Signature::new("ann", "ann@example", &git2::Time::new(0, 0)).unwrap();
        let text = repository
            .commit_create_buffer(&who, &who, "one", &tree, &[])
            .unwrap();
        let id = Oid::hash_object(ObjectType::Commit, &text).unwrap();
        // Where its directory would be made.
        let blocked = dir.path().join("objects").join(&id.to_string()[..2]);
        std::fs::write(&blocked, "").unwrap();
        assert!(commit(&repository, &who, &who, "one", &tree, &[], None).is_err());
        std::fs::remove_file(blocked).unwrap();
        assert_eq!(
            commit(&repository, &who, &who, "one", &tree, &[], None).unwrap(),
            id
        );
        assert!(repository.find_commit(id).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn a_tree_is_the_one_that_libgit2_writes(
            old in proptest::collection::btree_map("[ab.]{1,2}(/[ab.]{1,2}){0,2}", 0..3u8, 0..8),
            new in proptest::collection::btree_map("[ab.]{1,2}(/[ab.]{1,2}){0,2}", 0..3u8, 0..8),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(dir.path()).unwrap();
            let index_of = |files: &BTreeMap<String, u8>| {
                let mut index = Index::new().unwrap();
                for (path, content) in files {
                    let side = Side { id: repository.blob(&[*content]).unwrap(), mode: 0o100_644 };
                    let parts: Vec<&str> = path.split('/').collect();
                    // What cannot be in a tree is not in an index.
                    if parts.iter().all(|part| !matches!(*part, "." | "..")) {
                        index.add(&entry(path, &side, 0)).unwrap();
                    }
                }
                index
            };
            let base = index_of(&old).write_tree_to(&repository).unwrap();
            let base = repository.find_tree(base).unwrap();
            let mut index = index_of(&new);
            let whole = index.write_tree_to(&repository).unwrap();
            let directory = RelPath::parse("a").unwrap();
            Cone::new(&[directory]).unwrap().write(&repository).unwrap();
            proptest::prop_assert_eq!(tree(&repository, &mut index, Some(&base)).unwrap(), whole);
            proptest::prop_assert_eq!(tree(&repository, &mut index, None).unwrap(), whole);
        }
    }
}
