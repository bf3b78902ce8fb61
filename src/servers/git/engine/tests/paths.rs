//! Who names paths gets what is at and below them, whatever else there is.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::*;
use reset::is_below;
use status::Item;

type Files = BTreeMap<String, u8>;

fn files() -> impl Strategy<Value = Files> {
    // No file has the name of a directory: an index that takes one of them gives up the other.
    let path = r"([ab]\.?/){0,3}[xy]";
    prop::collection::btree_map(path, 0..2u8, 0..8)
}

/// Makes the tree hold `files`.
fn fill(room: &Room, files: &Files) {
    for entry in fs::read_dir(room.root("ann")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, content) in files {
        room.write(path, [*content]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn status_and_add_see_all_that_is_below(
        old in files(),
        new in files(),
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let room = Room::new();
        fill(&room, &old);
        room.add(&["."]).unwrap();
        room.commit_as(&Wanted { message: Some("old".into()), allow_empty: true, ..Wanted::default() }).unwrap();
        fill(&room, &new);
        // Files and directories that are or were there.
        let mut there: Vec<&str> = Vec::new();
        for file in old.keys().chain(new.keys()) {
            there.push(file);
            there.extend(file.match_indices('/').map(|(at, _)| &file[..at]));
        }
        prop_assume!(!there.is_empty());
        let chosen: Vec<&str> = chosen.iter().map(|index| *index.get(&there)).collect();
        let paths: Vec<RelPath> = chosen.iter().map(|path| RelPath::parse(path).unwrap()).collect();
        let seen = |paths: &[RelPath]| status::status(&room.repo("ann"), paths, true).unwrap();
        let below = |item: &Item| is_below(&item.path, &paths);

        let all = seen(&[]);
        let expected: Vec<Item> = all.iter().filter(|item| below(item)).cloned().collect();
        prop_assert_eq!(seen(&paths), expected, "{:?}", chosen);

        room.add(&chosen).unwrap();
        let left: Vec<Item> = seen(&[]).into_iter().filter(|item| item.unstaged.is_some()).collect();
        let expected: Vec<Item> = all.into_iter().filter(|item| !below(item)).collect();
        prop_assert_eq!(left, expected, "{:?}", chosen);
    }
}
