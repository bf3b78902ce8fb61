use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::*;

/// A tree beside a store.
struct Room {
    outer: tempfile::TempDir,
    files: Beneath,
    store: Beneath,
}

impl Room {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        for name in ["in", "store"] {
            std::fs::create_dir(outer.path().join(name)).unwrap();
        }
        let open = |name: &str| Beneath::open(&outer.path().join(name)).unwrap();
        let (files, store) = (open("in"), open("store"));
        Self {
            outer,
            files,
            store,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outer.path().join("in").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), text).unwrap();
    }

    fn look(&self, like: Option<&Snapshot>, ignored: bool) -> Vec<Entry> {
        let scope = Scope {
            ignored,
            like,
            into: Some(Store(&self.store)),
            room: &|_| true,
            stop: &|| false,
        };
        scan(&self.files, &scope).unwrap().0
    }

    fn take(&self, id: &str) -> Snapshot {
        let snapshot = Snapshot {
            header: Header {
                id: id.into(),
                created_ms: 1,
                label: None,
                ignored: false,
                files: 0,
                bytes: 0,
            },
            entries: self.look(None, false),
        };
        Store(&self.store)
            .keep(&snapshot, Durability::Synced)
            .unwrap();
        snapshot
    }

    fn back(&self, to: &Snapshot) {
        let now = self.look(None, false);
        let all = differences(&to.entries, &now);
        restore(
            &self.files,
            Store(&self.store),
            &all,
            false,
            Durability::Cached,
        )
        .unwrap();
    }

    fn contents(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
            entries
                .map(|p| if p.is_dir() { count(&p) } else { 1 })
                .sum()
        }
        count(&self.outer.path().join("store/content"))
    }
}

#[test]
fn a_tree_comes_back_whatever_became_of_it() {
    let room = Room::new();
    for (name, text) in [
        ("a", "a"),
        ("dir/b", "b"),
        ("dir/deep/c", "c"),
        ("same", "a"),
        (".env", "x"),
    ] {
        room.write(name, text);
    }
    symlink("nowhere", room.at("link")).unwrap();
    std::fs::create_dir(room.at("empty")).unwrap();
    std::fs::set_permissions(room.at("a"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let before = room.take("1");
    assert_eq!(room.contents(), 4, "equal files are kept once");

    room.write("a", "changed");
    std::fs::set_permissions(room.at("same"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_dir_all(room.at("dir")).unwrap();
    room.write("dir", "a file now");
    std::fs::remove_file(room.at("link")).unwrap();
    room.write("link/inside", "a directory now");
    room.write("new/one", "new");
    std::fs::remove_dir(room.at("empty")).unwrap();
    let after = room.take("2");

    room.back(&before);
    assert_eq!(differences(&before.entries, &room.look(None, false)), []);
    assert_eq!(
        std::fs::read_link(room.at("link")).unwrap(),
        Path::new("nowhere")
    );
    assert_eq!(std::fs::read_to_string(room.at("dir/deep/c")).unwrap(), "c");
    assert!(!room.at("new").exists() && room.at("empty").is_dir());
    room.back(&after);
    assert_eq!(differences(&after.entries, &room.look(None, false)), []);
}

#[test]
fn what_is_ignored_stays() {
    let room = Room::new();
    room.write(".gitignore", "target\n*.log\n");
    room.write("target/x", "built");
    room.write("a", "a");
    let before = room.take("1");
    assert!(before.entries.iter().all(|e| e.path.as_str() != "target"));
    std::fs::remove_file(room.at(".gitignore")).unwrap();
    room.write("b.log", "log");
    room.write("b", "b");
    room.back(&before);
    assert!(!room.at("b").exists());
    assert!(
        room.at("target/x").exists() && room.at("b.log").exists(),
        "ignored by the restored rules"
    );
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let room = Room::new();
    room.write("a", "one");
    room.write("b", "two");
    let mut before = room.take("1");
    // As if it had been taken long after the files were written, with another content.
    before.header.created_ms = i64::MAX / 2_000_000;
    for entry in &mut before.entries {
        if let What::File(file) = &mut entry.what {
            file.hash = "remembered".into();
        }
    }
    room.write("b", "2");
    let hashes = |like: &Snapshot| -> Vec<String> {
        let entries = room.look(Some(like), false).into_iter();
        entries
            .filter_map(|e| {
                if let What::File(f) = e.what {
                    Some(f.hash)
                } else {
                    None
                }
            })
            .collect()
    };
    let [a, b] = hashes(&before).try_into().unwrap();
    assert_eq!(a, "remembered");
    assert_ne!(b, "remembered");
    before.header.created_ms = 1;
    assert!(
        !hashes(&before).contains(&"remembered".to_owned()),
        "too close to be trusted"
    );
}

#[test]
fn lists_come_back_the_latest_first_and_old_contents_go() {
    let room = Room::new();
    let store = Store(&room.store);
    assert_eq!(store.list().unwrap(), []);
    for id in ["1", "2", "3"] {
        room.write("a", id);
        room.write("same", "same");
        let snapshot = room.take(id);
        assert_eq!(store.load(id).unwrap(), Some(snapshot));
    }
    let ids = |store: Store<'_>| {
        store
            .list()
            .unwrap()
            .into_iter()
            .map(|h| h.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(store), room.contents()),
        (vec!["3".into(), "2".into(), "1".into()], 4)
    );
    assert_eq!(store.prune(2).unwrap(), 1);
    assert_eq!(
        (ids(store), room.contents()),
        (vec!["3".into(), "2".into()], 3)
    );
    assert_eq!(store.load("1").unwrap(), None);
    for foreign in ["../content", "..", "", "a/b"] {
        assert_eq!(store.load(foreign).unwrap(), None, "{foreign}");
    }
    std::fs::write(room.outer.path().join("store/lists/2"), "{}\n").unwrap();
    assert!(matches!(store.load("2"), Err(Error::Damaged)));
}

#[test]
fn without_room_nothing_is_kept() {
    let room = Room::new();
    room.write("a", "12345");
    let scope = Scope {
        ignored: false,
        like: None,
        into: Some(Store(&room.store)),
        room: &|bytes| bytes < 5,
        stop: &|| false,
    };
    assert!(matches!(scan(&room.files, &scope), Err(Error::NoRoom)));
}
