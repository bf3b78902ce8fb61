//! What git writes, `apply_patch` applies: the diff of two trees, with all that git can say of files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use git2::{DiffFindOptions, DiffFormat, IndexEntry, IndexTime, Oid, Repository};
use serde_json::json;

use crate::servers::file_system::tools::testing::{ok, root, team};

const LONG: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n";

/// Path, content, whether it may be executed.
type File = (&'static str, &'static [u8], bool);

const BEFORE: &[File] = &[
    ("dos.txt", b"a\r\nb\r\nc\r\n", false),
    ("latin.txt", b"caf\xe9\nplain\n", false),
    ("mark.txt", b"\xef\xbb\xbfone\ntwo", false),
    ("moved.txt", LONG.as_bytes(), true),
    ("gone.txt", b"gone\n", false),
    ("now runs", b"#!/bin/sh\n", false),
    ("same.txt", b"same\n", false),
];

fn after() -> Vec<(&'static str, Vec<u8>, bool)> {
    vec![
        ("dos.txt", b"a\r\nB\r\nc\r\n".to_vec(), false),
        ("latin.txt", b"caf\xe9\nPLAIN\n".to_vec(), false),
        ("mark.txt", b"\xef\xbb\xbfone\ntwo\nthree".to_vec(), false),
        (
            "deep/caf\u{e9}.txt",
            LONG.replace("two", "TWO").into_bytes(),
            true,
        ),
        ("now runs", b"#!/bin/sh\n".to_vec(), true),
        ("new/empty", Vec::new(), false),
        ("new/tool", b"\ttext\n\n".to_vec(), true),
        ("same.txt", b"same\n".to_vec(), false),
    ]
}

fn tree(
    repository: &Repository,
    files: impl Iterator<Item = (&'static str, Vec<u8>, bool)>,
) -> Oid {
    let mut index = git2::Index::new().unwrap();
    for (path, content, executable) in files {
        let zero = IndexTime::new(0, 0);
        let entry = IndexEntry {
            ctime: zero,
            mtime: zero,
            dev: 0,
            ino: 0,
            mode: if executable { 0o100_755 } else { 0o100_644 },
            uid: 0,
            gid: 0,
            file_size: 0,
            id: repository.blob(&content).unwrap(),
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        };
        index.add(&entry).unwrap();
    }
    index.write_tree_to(repository).unwrap()
}

fn found(at: &Path, below: &str, all: &mut Vec<(String, Vec<u8>, bool)>) {
    for entry in fs::read_dir(at.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            found(at, &path, all);
        } else {
            let executable = meta.permissions().mode() & 0o100 != 0;
            all.push((path, fs::read(entry.path()).unwrap(), executable));
        }
    }
}

#[tokio::test]
async fn the_diff_of_two_trees_makes_one_of_the_other() {
    let team = team().await;
    let at = root(&team);
    let dir = tempfile::tempdir().unwrap();
    let patch = {
        let repository = Repository::init_bare(dir.path()).unwrap();
        let before = BEFORE
            .iter()
            .map(|(path, content, runs)| (*path, content.to_vec(), *runs));
        let (before, after) = (
            tree(&repository, before),
            tree(&repository, after().into_iter()),
        );
        let find = |id| repository.find_tree(id).unwrap();
        let diff = repository.diff_tree_to_tree(Some(&find(before)), Some(&find(after)), None);
        let mut diff = diff.unwrap();
        diff.find_similar(Some(DiffFindOptions::new().renames(true)))
            .unwrap();
        let mut patch = Vec::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                patch.push(line.origin() as u8);
            }
            patch.extend_from_slice(line.content());
            true
        })
        .unwrap();
        patch
    };
    for (path, content, executable) in BEFORE {
        fs::write(at.join(path), content).unwrap();
        let mode = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(at.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    // JSON cannot hold the byte of Latin-1: a caller is shown U+FFFD, and sends it.
    let patch = String::from_utf8_lossy(&patch);
    let done = ok(&team, "apply_patch", json!({"patch": patch})).await;
    let mut all = Vec::new();
    found(&at, "", &mut all);
    all.sort();
    let expected = after()
        .into_iter()
        .map(|(path, content, runs)| (path.to_owned(), content, runs));
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    assert_eq!(all, expected);
    let files = done["files"].as_array().unwrap();
    let inexact = files.iter().filter(|file| file.get("inexact").is_some());
    let inexact: Vec<_> = inexact
        .map(|file| (&file["path"], &file["inexact"][0]["ignored"]))
        .collect();
    assert_eq!(
        inexact,
        [(&json!("latin.txt"), &json!("bytes that are not UTF-8"))]
    );
}
