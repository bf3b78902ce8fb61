//! The same bytes as the git program, on the same files.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::servers::git::cli::{Place, Program, Word};

/// Files that toy versions change on their way.
const ODD: [(&str, &[u8]); 8] = [
    ("crlf", b"one\r\ntwo\r\n"),
    ("mixed", b"one\r\ntwo\nthree\r"),
    ("bom", b"\xef\xbb\xbfone\ntwo\n"),
    ("latin", b"caf\xe9\nx\n"),
    ("no-newline", b"one\ntwo"),
    ("empty", b""),
    ("binary", b"\0\x01\xff\r\n"),
    ("dir/space name", b"x\n"),
];

fn plant(room: &Room, change: &[u8]) {
    let root = room.root("ann");
    for (path, content) in ODD {
        room.write(path, [content, change].concat());
    }
    room.write("run.sh", "#!/bin/sh\n");
    let mode = if change.is_empty() { 0o755 } else { 0o644 };
    std::fs::set_permissions(root.join("run.sh"), std::fs::Permissions::from_mode(mode)).unwrap();
    let _ = std::fs::remove_file(root.join("link"));
    symlink(
        if change.is_empty() { "crlf" } else { "dir/x\r" },
        root.join("link"),
    )
    .unwrap();
    let strange = Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::write(root.join(strange), [b"x\n", change].concat()).unwrap();
    if !change.is_empty() {
        std::fs::remove_file(root.join("empty")).unwrap();
        std::fs::rename(root.join("bom"), root.join("moved")).unwrap();
    }
}

fn program() -> Option<Program> {
    Program::find("git").ok()
}

#[test]
fn what_is_committed_is_what_the_program_would_have_committed() {
    let Some(git) = program() else { return };
    let room = Room::new();
    for change in [&b""[..], b"more\n"] {
        plant(&room, change);
        room.add(&["."]).unwrap();
        let ours = room.commit("x").unwrap().id;
        let repo = room.repo("ann");
        // Its own index, made from the same files.
        let theirs = |name: &'static str| {
            git.command(Place::tree(&repo), name)
                .variable("GIT_INDEX_FILE", room.data.path().join("index"))
        };
        theirs("add")
            .flag("--all")
            .paths([&RelPath::root()])
            .output(&go)
            .unwrap();
        let tree = theirs("write-tree").output(&go).unwrap();
        let tree = Oid::from_str(shown(&tree).trim()).unwrap();
        assert_eq!(repo.find_commit(ours).unwrap().tree_id(), tree);
    }
    let status = status::status(&room.repo("ann"), &[], true).unwrap();
    assert_eq!(status, []);
}

#[test]
fn a_checkout_brings_back_the_same_bytes() {
    let room = Room::new();
    plant(&room, b"");
    room.add(&["."]).unwrap();
    let first = room.commit("x").unwrap().id;
    plant(&room, b"more\n");
    room.add(&["."]).unwrap();
    room.commit("y").unwrap();
    branch::checkout(&room.repo("ann"), &first.to_string(), &ann(), false).unwrap();
    let root = room.root("ann");
    for (path, content) in ODD {
        assert_eq!(std::fs::read(root.join(path)).unwrap(), content, "{path}");
    }
    let mode = std::fs::metadata(root.join("run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o100, 0o100);
    assert_eq!(
        std::fs::read_link(root.join("link")).unwrap().to_str(),
        Some("crlf")
    );
}

#[test]
fn patches_are_those_of_the_program() {
    let Some(git) = program() else { return };
    let room = Room::new();
    plant(&room, b"");
    room.add(&["."]).unwrap();
    let first = room.commit("x").unwrap().id;
    plant(&room, b"more\n");
    room.add(&["."]).unwrap();
    let second = room.commit("y").unwrap().id;
    let repo = room.repo("ann");
    // How alike two files are is a guess of each one's own.
    let plain = |text: &str| {
        let lines = text.split_inclusive('\n');
        lines
            .filter(|line| !line.starts_with("similarity index "))
            .collect::<String>()
    };
    for (from, to) in [(first, second), (second, first)] {
        let sides = diff::Sides::Range {
            from: Some(from.to_string()),
            to: Some(to.to_string()),
            merge_base: false,
        };
        let command = git
            .command(Place::bare(&repo), "diff-tree")
            .flag("-r")
            .flag("-p")
            .flag("--find-renames")
            .flag("--no-ext-diff")
            .flag("--no-textconv");
        let said = command
            .word(Word::object(from))
            .word(Word::object(to))
            .paths([]);
        let theirs = shown(&said.output(&go).unwrap());
        let ours = diff_all(&repo, &sides, diff::Format::Patch);
        assert_eq!(ours.len(), 11);
        let theirs = plain(&theirs);
        let wrong: Vec<&str> = ours
            .iter()
            .filter(|file| !file.path.contains('\u{fffd}') && !file.binary)
            .filter(|file| !theirs.contains(&plain(&file.patch)))
            .map(|file| file.patch.as_str())
            .collect();
        assert!(wrong.is_empty(), "{}\n{theirs}", wrong.concat());
        assert!(
            ours.iter()
                .all(|file| file.binary == (file.path == "binary"))
        );
        // And page by page by the program itself.
        let (old, new) = (
            repo.find_commit(from).unwrap().tree_id(),
            repo.find_commit(to).unwrap().tree_id(),
        );
        let trees = renames::Trees {
            repository: &repo,
            git: &git,
            old,
            new,
            context: 3,
        };
        let lists = renames::Lists::default();
        let all = trees.list(&lists, &[], None, &go).unwrap().files;
        let again = trees.list(&lists, &[], Some(1), &go).unwrap();
        assert!(again.whole && std::sync::Arc::ptr_eq(&all, &again.files));
        let (mut joined, mut after) = (Vec::new(), None);
        loop {
            let page = trees
                .page(&all, diff::Format::Stat, after.as_ref(), 3, &go)
                .unwrap();
            joined.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let short = |file: &diff::FileDiff| {
            (
                file.path.clone(),
                file.change,
                file.from.clone(),
                file.modes.clone(),
                file.binary,
                file.insertions,
                file.deletions,
            )
        };
        let stat = diff_all(&repo, &sides, diff::Format::Stat);
        let by = |files: &[diff::FileDiff]| {
            files
                .iter()
                .filter(|f| !f.binary)
                .map(short)
                .collect::<Vec<_>>()
        };
        assert_eq!(by(&joined), by(&stat));
    }
}

#[test]
fn a_large_patch_pages_alike_by_both() {
    let Some(git) = program() else { return };
    let room = Room::new();
    let long = |name: &str, n: usize| {
        (0..n)
            .map(|line| format!("{name} line {line}\n"))
            .collect::<String>()
    };
    for n in 0..25 {
        room.write(&format!("old/{n:02}"), long(&n.to_string(), 40));
    }
    room.save("big", "x\n");
    let root = room.root("ann");
    std::fs::rename(root.join("old"), root.join("new")).unwrap();
    for n in 0..25 {
        room.write(&format!("new/{n:02}"), long(&n.to_string(), 40) + "more\n");
    }
    room.save("big", &long("big", 6000));
    let repo = room.repo("ann");
    let sides = diff::Sides::Range {
        from: None,
        to: None,
        merge_base: false,
    };
    let lists = renames::Lists::default();
    let read = |git: Option<&Program>, limit: usize| {
        let git = git.map(|git| (git, &lists));
        let (found, _) = diff::compare(&repo, git, &sides, &[], 3, None, &go).unwrap();
        let (mut joined, mut after, mut pages) = (String::new(), None, 0);
        loop {
            let page = found
                .page(diff::Format::Patch, after.as_ref(), limit, &go)
                .unwrap();
            let size: usize = page.items.iter().map(|item| item.patch.len()).sum();
            assert!(size <= 33 * 1024, "{size}");
            joined.extend(page.items.iter().map(|item| item.patch.as_str()));
            after = page.next;
            pages += 1;
            if after.is_none() {
                return (found.backend(), joined, pages);
            }
        }
    };
    let plain = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("index "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (library, whole, _) = read(None, 200);
    for limit in [1, 7, 200] {
        let (backend, joined, pages) = read(Some(&git), limit);
        assert_eq!((library, backend), (Backend::Libgit2, Backend::Git));
        assert!(pages >= 3);
        assert_eq!(plain(&joined), plain(&whole), "{limit}");
    }
}

#[test]
fn the_log_of_a_path_is_the_same_by_both() {
    let Some(git) = program() else { return };
    let room = Room::new();
    for n in 0..9 {
        room.save(
            if n % 3 == 0 { "a" } else { "dir/b" },
            &format!("{n} {}", if n > 4 { "needle" } else { "" }),
        );
    }
    let repo = room.repo("ann");
    let paths = |path: &str| vec![RelPath::parse(path).unwrap()];
    let filters = [
        log::Filter {
            paths: paths("a"),
            ..log::Filter::default()
        },
        log::Filter {
            paths: paths("dir"),
            grep: Some("CHANGE".into()),
            ..log::Filter::default()
        },
        log::Filter {
            pickaxe: Some("needle".into()),
            ..log::Filter::default()
        },
        log::Filter {
            paths: paths("a"),
            author: Some("nobody".into()),
            ..log::Filter::default()
        },
        log::Filter {
            paths: paths("a"),
            since: Some(2_000),
            ..log::Filter::default()
        },
        log::Filter {
            paths: paths("-x"),
            first_parent: true,
            ..log::Filter::default()
        },
    ];
    for filter in &filters {
        let read = |git: Option<&Program>| {
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let page = log::log(
                    &repo,
                    git,
                    Some("HEAD~8..HEAD"),
                    filter,
                    after.as_ref(),
                    2,
                    &go,
                )
                .unwrap();
                assert_eq!(page.backend == Backend::Git, git.is_some());
                ids.extend(page.commits.iter().map(git2::Commit::id));
                after = page.next;
                if after.is_none() {
                    return ids;
                }
            }
        };
        assert_eq!(read(Some(&git)), read(None), "{filter:?}");
    }
}

#[test]
fn the_status_is_the_same_by_both() {
    let Some(git) = program() else { return };
    let room = Room::new();
    let both = |paths: &[RelPath]| {
        let repo = room.repo("ann");
        let ours = status::status(&repo, paths, true).unwrap();
        for may_write in [false, true] {
            let theirs = porcelain::status(&repo, &git, paths, may_write, &go).unwrap();
            assert_eq!(ours, theirs);
        }
        ours.len()
    };
    plant(&room, b"");
    assert_eq!(both(&[]), 11);
    room.add(&["."]).unwrap();
    assert_eq!(both(&[]), 11);
    room.commit("x").unwrap();
    room.write(".gitignore", "*.log\n/target\n");
    room.write("target/x", "x");
    room.write("dir/a.log", "x");
    plant(&room, b"more\n");
    assert!(both(&[]) > 10);
    room.add(&["moved", "bom", "crlf", "run.sh"]).unwrap();
    room.write("crlf", "again");
    assert!(both(&[]) > 10);
    assert_eq!(both(&[RelPath::parse("dir").unwrap()]), 1);
    assert_eq!(both(&[RelPath::parse("*").unwrap()]), 0);
}

#[test]
fn a_status_that_is_stopped_leaves_no_lock() {
    let Some(git) = program() else { return };
    let room = Room::new();
    room.write("a", "1");
    room.add(&["."]).unwrap();
    let repo = room.repo("ann");
    // What a program that was killed leaves.
    let lock = repo.path().join("index.lock");
    std::fs::write(&lock, "").unwrap();
    let stopped = porcelain::status(&repo, &git, &[], true, &|| true);
    assert!(matches!(stopped, Err(Error::Cli(_))), "{stopped:?}");
    assert!(!lock.exists());
    assert_eq!(
        porcelain::status(&repo, &git, &[], true, &go)
            .unwrap()
            .len(),
        1
    );
    // As long as before and in the same second: still seen.
    room.write("a", "2");
    let changed = porcelain::status(&repo, &git, &[], true, &go).unwrap();
    assert_eq!(
        changed.first().unwrap().unstaged,
        Some(status::Change::Modified)
    );
}
