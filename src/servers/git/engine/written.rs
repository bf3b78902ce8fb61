//! Commits that are on the disk when they are said to be, and trees.

use git2::{
    Commit, Error, ErrorClass, ErrorCode, Index, ObjectType, Oid, Repository, Signature, Tree,
};

use super::{directories::Directory, sign::SigningKey};
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

/// Writes the tree of `index`: of its directories only those that `base`, which is HEAD's as a rule, does not have.
///
/// libgit2's own writer writes every directory again that it has not written itself, asks for each of their files whether its
/// object is there, and reads all that it wrote: of a commit to a large repository that is most of the time.
///
/// # Errors
/// `index` has conflicts, or objects of changed files are missing; where worktrees leave files out, these need not be there.
pub fn tree(
    repository: &Repository,
    index: &Index,
    base: Option<&Tree<'_>>,
) -> Result<Oid, workspace::Error> {
    if index.has_conflicts() {
        let says = "the index has conflicts";
        return Err(Error::new(ErrorCode::Unmerged, ErrorClass::Index, says).into());
    }
    let top = Directory::top(index)?;
    let all_here = Cone::read(repository)?.is_none();
    top.write(repository, base, all_here)?;
    Ok(top.id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use git2::{DiffDelta, DiffOptions, TreeWalkMode, TreeWalkResult};

    use super::*;
    use crate::servers::git::engine::{
        directories::differing, integrate::tree::entry, merge::Side, pathspec, submodule::GITLINK,
    };

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

    #[test]
    fn what_is_missing_or_in_conflict_is_in_no_tree() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let lost = Side {
            id: Oid::from_str(&"1".repeat(40)).unwrap(),
            mode: 0o100_644,
        };
        let mut index = Index::new().unwrap();
        index.add(&entry("a/b", &lost, 0)).unwrap();
        let refused = tree(&repository, &index, None).unwrap_err().to_string();
        assert!(refused.contains("a/b is staged as 1111111"), "{refused}");
        let mut index = Index::new().unwrap();
        let id = repository.blob(b"1").unwrap();
        for stage in [2, 3] {
            let side = Side { id, ..lost };
            index.add(&entry("a", &side, stage)).unwrap();
        }
        let refused = tree(&repository, &index, None).unwrap_err().to_string();
        assert!(refused.contains("has conflicts"), "{refused}");
        // A submodule's commit is not the repository's own.
        let mut index = Index::new().unwrap();
        let link = Side {
            mode: GITLINK,
            ..lost
        };
        index.add(&entry("sub", &link, 0)).unwrap();
        let id = tree(&repository, &index, None).unwrap();
        assert_eq!(repository.find_tree(id).unwrap().len(), 1);
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
            let base = repository.find_tree(tree(&repository, &index_of(&old), None).unwrap()).unwrap();
            let mut index = index_of(&new);
            let id = tree(&repository, &index, Some(&base)).unwrap();
            // Nothing of it is missing.
            let after = repository.find_tree(id).unwrap();
            after.walk(TreeWalkMode::PreOrder, |_, _| TreeWalkResult::Ok).unwrap();
            proptest::prop_assert_eq!(index.write_tree_to(&repository).unwrap(), id);

            // Who looks only where they differ sees all that differs.
            let seen = |options: &mut DiffOptions| {
                let diff = repository.diff_tree_to_tree(Some(&base), Some(&after), Some(options)).unwrap();
                let sides = |delta: DiffDelta<'_>| (delta.status(), delta.old_file().id(), delta.new_file().id(),
                                                    delta.new_file().path().unwrap().to_owned());
                diff.deltas().map(sides).collect::<Vec<_>>()
            };
            let mut narrow = DiffOptions::new();
            narrow.disable_pathspec_match(true);
            let paths = differing(&repository, &base, &after).unwrap();
            proptest::prop_assert_eq!(paths.is_empty(), base.id() == after.id());
            if !paths.is_empty() {
                for path in pathspec::of_bytes(paths) {
                    narrow.pathspec(path);
                }
                proptest::prop_assert_eq!(seen(&mut narrow), seen(&mut DiffOptions::new()));
            }
        }
    }
}
