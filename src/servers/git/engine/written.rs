//! Commits that are on the disk when they are said to be.

use git2::{Commit, Error, ObjectType, Oid, Repository, Signature, Tree};

/// Writes a commit. No reference moves.
///
/// libgit2's own `git_commit_create` (1.9.7) answers an id all the same when the object could not be written, on a full disk for
/// instance; its writer of objects says what is wrong. Where that function also moves HEAD, the object is written by this one before.
pub fn commit(
    repository: &Repository,
    author: &Signature<'_>,
    committer: &Signature<'_>,
    message: &str,
    tree: &Tree<'_>,
    parents: &[&Commit<'_>],
) -> Result<Oid, Error> {
    let text = repository.commit_create_buffer(author, committer, message, tree, parents)?;
    repository.odb()?.write(ObjectType::Commit, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(commit(&repository, &who, &who, "one", &tree, &[]).is_err());
        std::fs::remove_file(blocked).unwrap();
        assert_eq!(
            commit(&repository, &who, &who, "one", &tree, &[]).unwrap(),
            id
        );
        assert!(repository.find_commit(id).is_ok());
    }
}
