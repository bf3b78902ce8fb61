//! The first files of a long list, without looking for renames that they have no part in: reading every file that was added or
//! removed costs ten times as much as the list itself.

use super::{Change, Error, Raw, RelPath, Trees, read};

/// Most files that the first ones are held against.
const MAX_OTHERS: usize = 1000;
/// Most bytes of their names.
const MAX_NAMES: usize = 256 << 10;

impl Trees<'_> {
    /// The list with renames of unchanged files alone, if its first `enough` files are those of the whole list. Of each that was
    /// added or removed git itself is asked whether it is like any that was removed or added.
    pub(super) fn first(
        &self,
        paths: &[RelPath],
        enough: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Raw>>, Error> {
        let list = self.look(paths, Some("100%"), stop)?;
        let (first, rest) = list.split_at_checked(enough).unwrap_or((&list, &[]));
        let is = |change: Change| move |raw: &&Raw| raw.change == change;
        let added = first.iter().any(|raw| raw.change == Change::Added);
        let removed = first.iter().any(|raw| raw.change == Change::Deleted);
        let others = match (added, removed) {
            // Where all fits on the page, or both must be held against both, the whole list is as soon made.
            _ if rest.is_empty() => return Ok(None),
            (true, true) => return Ok(None),
            (false, false) => return Ok(Some(list)),
            (true, false) => Change::Deleted,
            (false, true) => Change::Added,
        };
        let own = if added {
            Change::Added
        } else {
            Change::Deleted
        };
        let asked = first.iter().filter(is(own));
        let asked = asked.chain(rest.iter().filter(is(others)));
        let asked: Vec<&[u8]> = asked.map(|raw| raw.path.as_slice()).collect();
        let names: usize = asked.iter().map(|path| path.len()).sum();
        if asked.len() > MAX_OTHERS || names > MAX_NAMES {
            return Ok(None);
        }
        let said = self.trees(self.raw()).raw_paths(asked).output(stop)?;
        let alike = read(&said).iter().any(|raw| raw.from.is_some());
        Ok((!alike).then_some(list))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use git2::{Oid, Repository};
    use proptest::prelude::*;

    use super::super::Lists;
    use super::*;
    use crate::servers::git::cli::Program;

    /// A tree of files, by number: what each is about, and how it is told.
    type Files = BTreeMap<u8, (u8, u8)>;

    fn files() -> impl Strategy<Value = Files> {
        prop::collection::btree_map(0..40u8, (0..30u8, 0..3u8), 10..30)
    }

    fn tree(repository: &Repository, files: &Files) -> Oid {
        let mut tree = repository.treebuilder(None).unwrap();
        for (name, (about, told)) in files {
            let lines = (0..20).map(|n| format!("about {about}, in line {n}\n"));
            let own = (0..8).map(|n| format!("as {told} tells it, in line {n}\n"));
            let text: String = lines.chain(own).collect();
            let blob = repository.blob(text.as_bytes()).unwrap();
            tree.insert(format!("f{name:02}"), blob, 0o100_644).unwrap();
        }
        tree.write().unwrap()
    }

    #[test]
    fn what_is_like_no_other_needs_no_whole_list() {
        let Ok(git) = Program::find("git") else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let old: Files = (10..30)
            .map(|name| (name, (name, 0)))
            .chain([(0, (0, 0))])
            .collect();
        let whole = |added: (u8, u8), enough| {
            // One is changed, one added, one removed, and all others are moved and changed.
            let moved = (10..29).map(|name| (name + 30, (name, 1)));
            let new = moved.chain([(0, (0, 1)), (1, added)]).collect();
            let trees = Trees {
                repository: &repository,
                git: &git,
                old: tree(&repository, &old),
                new: tree(&repository, &new),
                context: 3,
            };
            let listed = trees.list(&Lists::default(), &[], Some(enough), &|| false);
            listed.unwrap().whole
        };
        assert!(!whole((50, 0), 1), "a change is one");
        assert!(!whole((50, 0), 2), "like none that was removed");
        assert!(whole((29, 1), 2), "like one that was removed");
        assert!(whole((50, 0), 3), "added and removed ones");
        assert!(whole((50, 0), 100), "all on one page");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn the_first_are_those_of_the_whole(old in files(), new in files()) {
            let dir = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(dir.path()).unwrap();
            let Ok(git) = Program::find("git") else { return Ok(()) };
            let trees = Trees {
                repository: &repository,
                git: &git,
                old: tree(&repository, &old),
                new: tree(&repository, &new),
                context: 3,
            };
            let go = || false;
            let whole = trees.list(&Lists::default(), &[], None, &go).unwrap();
            prop_assert!(whole.whole);
            for enough in [1, 2, 4, 8] {
                let listed = trees.list(&Lists::default(), &[], Some(enough), &go).unwrap();
                let first = |files: &[Raw]| files.iter().take(enough).cloned().collect::<Vec<_>>();
                prop_assert_eq!(first(&listed.files), first(&whole.files));
                prop_assert!(listed.whole || listed.files.len() > enough && whole.files.len() > enough);
            }
        }
    }
}
