use std::os::unix::fs::symlink;

use super::*;

#[test]
fn files_of_the_agent_are_in_the_way_even_when_they_are_ignored() {
    let room = Room::new();
    room.save("a", "1");
    let lib = fetched(&room, "lib", &[(".gitignore", 0o100_644, "out\n")]);
    stage(&room, "lib", lib);
    put(&room, lib).unwrap();
    room.write("lib/out", "mine\n");
    assert_eq!(state(&room, lib), State::Present);
    let next = fetched(
        &room,
        "lib",
        &[
            (".gitignore", 0o100_644, "out\n"),
            ("out", 0o100_644, "theirs\n"),
        ],
    );
    assert_eq!(
        place::lost(&room.repo("ann"), &at("lib"), next).unwrap(),
        ["lib/out"]
    );
    // What lies where a submodule was never put is the agent's.
    let other = fetched(
        &room,
        "other",
        &[("x", 0o100_644, "x\n"), ("same", 0o100_644, "s\n")],
    );
    for (path, content) in [
        ("other/x", "mine\n"),
        ("other/same", "s\n"),
        ("other/own", "o\n"),
    ] {
        room.write(path, content);
    }
    assert_eq!(
        place::lost(&room.repo("ann"), &at("other"), other).unwrap(),
        ["other/x"]
    );
}

#[test]
fn nothing_is_written_elsewhere() {
    let room = Room::new();
    room.save("a", "1");
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = |files: &[(&str, u32, &str)]| {
        let lib = fetched(&room, "lib", files);
        stage(&room, "lib", lib);
        put(&room, lib)
    };
    for target in ["/etc/passwd", "../a", "deep/../../a", ""] {
        let refused = outside(&[("ok", 0o100_644, "x"), ("link", 0o120_000, target)]);
        assert!(
            matches!(refused, Err(Error::Unsafe(_))),
            "{target}: {refused:?}"
        );
        assert_eq!(read(&room, "lib/ok"), None);
    }
    // Names that fold to .git somewhere cannot even get into an index; as a tree they are refused.
    let store = modules::make_store(&room.repo("ann"), &at("lib")).unwrap();
    let blob = store.blob(b"x").unwrap();
    for name in [".git", ".GIT", "git~1", ".g\u{200c}it", ".git "] {
        let text = [format!("100644 {name}\0").as_bytes(), blob.as_bytes()].concat();
        let tree = store
            .odb()
            .unwrap()
            .write(git2::ObjectType::Tree, &text)
            .unwrap();
        let text = format!("tree {tree}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx\n");
        let odb = store.odb().unwrap();
        let commit = odb
            .write(git2::ObjectType::Commit, text.as_bytes())
            .unwrap();
        assert!(
            matches!(put(&room, commit), Err(Error::Unsafe(_))),
            "{name:?}"
        );
    }
    // A link on the way, and one at the end.
    let deep = fetched(&room, "way/lib", &[("x", 0o100_644, "x")]);
    let root = room.root("ann");
    symlink(elsewhere.path(), root.join("way")).unwrap();
    stage(&room, "way/lib", deep);
    let repo = room.repo("ann");
    assert!(matches!(
        place::lost(&repo, &at("way/lib"), deep),
        Err(Error::ThroughLink(_))
    ));
    assert!(place::put(&repo, &at("way/lib"), deep, MOST, &go).is_err());
    assert!(
        std::fs::read_dir(elsewhere.path())
            .unwrap()
            .next()
            .is_none()
    );
    let end = fetched(&room, "end", &[("x", 0o100_644, "x")]);
    symlink(elsewhere.path(), root.join("end")).unwrap();
    stage(&room, "end", end);
    assert_eq!(place::lost(&repo, &at("end"), end).unwrap(), ["end"]);
    place::put(&repo, &at("end"), end, MOST, &go).unwrap();
    assert!(
        std::fs::read_dir(elsewhere.path())
            .unwrap()
            .next()
            .is_none()
    );
    assert_eq!(read(&room, "end/x").as_deref(), Some("x"));
    // And one among the files, where the next commit has a directory.
    symlink(elsewhere.path(), root.join("end/sub")).unwrap();
    let next = fetched(&room, "end", &[("sub/x", 0o100_644, "x")]);
    assert_eq!(place::lost(&repo, &at("end"), next).unwrap(), ["end/sub"]);
    place::put(&repo, &at("end"), next, MOST, &go).unwrap();
    assert!(
        std::fs::read_dir(elsewhere.path())
            .unwrap()
            .next()
            .is_none()
    );
    assert_eq!(read(&room, "end/sub/x").as_deref(), Some("x"));
    let large = fetched(&room, "end", &[("x", 0o100_644, "123")]);
    assert!(matches!(
        place::put(&repo, &at("end"), large, 2, &go),
        Err(Error::TooLarge(2))
    ));
}

#[test]
fn what_gitmodules_says_is_believed_as_far_as_git_does() {
    let room = Room::new();
    room.save("a", "1");
    let lib = Oid::from_str(&"1".repeat(40)).unwrap();
    let problem = || {
        let links = submodule::links(&room.repo("ann"), &RelPath::root()).unwrap();
        links[0].problem.clone()
    };
    stage(&room, "lib", lib);
    assert!(problem().unwrap().contains("does not name it"));
    declare(&room, "lib", "lib", "../lib");
    assert_eq!(problem(), None);
    for (name, url, said) in [
        ("../../x", "../lib", "leads up"),
        ("a\\\\..\\\\b", "../lib", "leads up"),
        ("lib", "-u", "looks like an option"),
        ("lib", "\"", "cannot be read"),
    ] {
        declare(&room, name, "lib", url);
        assert!(problem().unwrap().contains(said), "{name} {url}");
    }
    // As a link it can be no file of an index here, however it came.
    std::fs::remove_file(room.root("ann").join(".gitmodules")).unwrap();
    symlink("a", room.root("ann").join(".gitmodules")).unwrap();
    assert!(room.add(&[".gitmodules"]).is_err());
    // The file in the tree says nothing: the index does.
    std::fs::remove_file(room.root("ann").join(".gitmodules")).unwrap();
    declare(&room, "lib", "lib", "../lib");
    room.write(
        ".gitmodules",
        "[submodule \"../x\"]\n\tpath = lib\n\turl = ext::x\n",
    );
    assert_eq!(problem(), None);
}
