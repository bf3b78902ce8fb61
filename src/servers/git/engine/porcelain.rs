//! What differs between HEAD, the index and the tree, as the git program tells it: for trees of many files it is faster
//! than libgit2.

use std::{fs, io};

use git2::Repository;

use super::status::{Change, Item};
use super::{Error, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Place, Program};

/// Every file that differs, by path; below `paths` when there are any. Who has the tree's lock lets it write the index
/// if files turned out to be as they were: without that it reads every file of a new checkout at every call.
pub fn status(
    repository: &Repository,
    git: &Program,
    paths: &[RelPath],
    may_write: bool,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Item>, Error> {
    let mut command = git
        .command(Place::tree(repository), "status")
        .flag("--porcelain=v2")
        .flag("-z")
        .flag("--untracked-files=all")
        // Directories that did not change are not read again: the cache is used when the setting agrees with the flag.
        .setting("core.untrackedCache", "true")
        .setting("status.showUntrackedFiles", "all")
        // Nothing is asked of a repository that lies in the tree.
        .flag("--ignore-submodules=all")
        .flag("--find-renames");
    if !paths.iter().any(RelPath::is_root) && !paths.is_empty() {
        command = command.paths(paths);
    }
    if may_write {
        command = command.variable("GIT_OPTIONAL_LOCKS", "1");
    }
    let said = command.output(stop);
    if said.is_err() && may_write {
        // A program that was killed leaves its lock.
        match fs::remove_file(repository.path().join("index.lock")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut items = read(&said?);
    items.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(items)
}

/// Reads `--porcelain=v2 -z`.
fn read(said: &[u8]) -> Vec<Item> {
    let mut fields = said.split(|byte| *byte == 0);
    let mut items = Vec::new();
    while let Some(field) = fields.next() {
        let text = shown(field);
        let item = match text.split_at_checked(2) {
            Some(("? ", path)) => Some(Item {
                path: path.to_owned(),
                staged: None,
                unstaged: Some(Change::Untracked),
                from: None,
            }),
            Some(("1 ", rest)) => changed(rest, 6, None),
            Some(("2 ", rest)) => changed(rest, 7, fields.next().map(shown)),
            Some(("u ", rest)) => rest.splitn(10, ' ').nth(9).map(|path| Item {
                path: path.to_owned(),
                staged: None,
                unstaged: Some(Change::Conflicted),
                from: None,
            }),
            _ => None,
        };
        items.extend(item);
    }
    items
}

/// `<XY> <sub> …`, and the path after `skip` more fields.
fn changed(rest: &str, skip: usize, from: Option<String>) -> Option<Item> {
    let mut parts = rest.splitn(skip + 2, ' ');
    let mut states = parts.next()?.chars().map(change);
    let (staged, unstaged) = (states.next()?, states.next()?);
    Some(Item {
        path: parts.nth(skip)?.to_owned(),
        from: from.filter(|_| staged == Some(Change::Renamed)),
        staged,
        unstaged,
    })
}

fn change(state: char) -> Option<Change> {
    match state {
        'M' => Some(Change::Modified),
        'T' => Some(Change::Typechange),
        'A' => Some(Change::Added),
        'D' => Some(Change::Deleted),
        'R' => Some(Change::Renamed),
        'C' => Some(Change::Copied),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let said =
            b"1 .M N... 100644 100644 100644 1 2 a b\x002 R. N... 1 2 3 4 5 R100 new\0old name\0\
                     u UU N... 1 2 3 4 5 6 7 in conflict\0? un tracked\0";
        let items = read(said);
        let seen: Vec<_> = items
            .iter()
            .map(|i| (i.path.as_str(), i.staged, i.unstaged, i.from.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a b", None, Some(Change::Modified), None),
                ("new", Some(Change::Renamed), None, Some("old name")),
                ("in conflict", None, Some(Change::Conflicted), None),
                ("un tracked", None, Some(Change::Untracked), None),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(said in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            read(&said);
        }
    }
}
