use super::*;

#[test]
fn a_commit_is_exported_as_it_is_and_links_outside_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    room.write("src/run.sh", "a\r\n");
    room.write(".gitattributes", "* text eol=lf\n");
    let root = room.root("ann");
    std::fs::set_permissions(
        root.join("src/run.sh"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    std::os::unix::fs::symlink("src/run.sh", root.join("link")).unwrap();
    room.add(&["."]).unwrap();
    let fine = room.commit("fine").unwrap().id;
    std::os::unix::fs::symlink("../../../../secret", root.join("src/out")).unwrap();
    room.add(&["."]).unwrap();
    let bad = room.commit("bad").unwrap().id;

    let repo = room.repo("ann");
    let export = |id, most| {
        let into = tempfile::tempdir().unwrap();
        let below = crate::base::beneath::Beneath::open(into.path()).unwrap();
        export::export(&repo, &repo.find_commit(id).unwrap(), &below, most, &go)
            .map(|done| (done, into))
    };
    let (done, into) = export(fine, 1000).unwrap();
    assert_eq!(done.files, 3);
    let mode = std::fs::metadata(into.path().join("src/run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111);
    assert!(into.path().join("link").is_symlink());
    assert!(matches!(export(bad, 1000), Err(Error::Unsafe(_))));
    assert!(matches!(export(fine, 5), Err(Error::TooLarge(5))));
}

#[test]
fn planted_commands_never_run() {
    let room = Room::new();
    let marker = room.data.path().join("ran");
    let run = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let bare = room.data.path().join("projects/shop/repos/main.git");
    for hook in [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        let at = bare.join("hooks").join(hook);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, &run).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = bare.join("hooks/pre-commit");
    let config = format!(
        "[core]\n\tfsmonitor = {0}\n[diff]\n\texternal = {0}\n[filter \"x\"]\n\tclean = {0}\n\tsmudge = {0}\n\trequired = true\n\
         [diff \"x\"]\n\ttextconv = {0}\n\tcommand = {0}\n[merge \"x\"]\n\tdriver = {0}\n",
        script.display()
    );
    let own = std::fs::read_to_string(bare.join("config")).unwrap();
    std::fs::write(bare.join("config"), own + &config).unwrap();
    room.write(".gitattributes", "* filter=x diff=x merge=x\n");
    room.save("a", "1");
    room.save("a", "2");
    let repo = room.repo("ann");
    status::status(&repo, &[], true).unwrap();
    diff_all(
        &repo,
        &diff::Sides::Range {
            from: None,
            to: None,
            merge_base: false,
        },
        diff::Format::Patch,
    );
    branch::checkout(&repo, "main", &ann(), false).unwrap();
    assert!(!marker.exists());
}

#[test]
fn a_checkout_writes_nothing_through_a_link() {
    let room = Room::new();
    let outside = room.data.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    room.save("keep", "1");
    let repo = room.repo("ann");
    branch::create(&repo, "directory", None, &ann()).unwrap();
    std::os::unix::fs::symlink(&outside, room.root("ann").join("d")).unwrap();
    room.add(&["."]).unwrap();
    room.commit("a link").unwrap();
    branch::checkout(&repo, "directory", &ann(), false).unwrap();
    room.save("d/x", "through");
    for (target, force) in [
        ("agent/ann/work", false),
        ("directory", false),
        ("agent/ann/work", true),
        ("directory", true),
    ] {
        branch::checkout(&room.repo("ann"), target, &ann(), force).unwrap();
        assert!(
            std::fs::read_dir(&outside).unwrap().next().is_none(),
            "{target} {force}"
        );
    }
    // A link that is in the way and in no commit.
    std::fs::remove_dir_all(room.root("ann").join("d")).unwrap();
    std::os::unix::fs::symlink(&outside, room.root("ann").join("d")).unwrap();
    for force in [false, true] {
        let done = branch::checkout(&room.repo("ann"), "HEAD", &ann(), force);
        assert!(
            std::fs::read_dir(&outside).unwrap().next().is_none(),
            "HEAD {force} {done:?}"
        );
    }
    let status = status::status(&room.repo("ann"), &[], true).unwrap();
    assert!(status.iter().all(
        |item| !item.path.starts_with("d/") || item.unstaged != Some(status::Change::Untracked)
    ));
    assert!(
        std::fs::read_dir(&outside).unwrap().next().is_none(),
        "nothing was written outside"
    );
}

#[test]
fn an_ignore_file_that_is_a_link_to_an_endless_device_ends() {
    let room = Room::new();
    room.write("a", "1");
    for name in [".gitignore", ".gitattributes"] {
        std::os::unix::fs::symlink("/dev/zero", room.root("ann").join(name)).unwrap();
    }
    room.add(&["."]).unwrap();
    room.commit("links").unwrap();
    assert!(
        status::status(&room.repo("ann"), &[], true)
            .unwrap()
            .is_empty()
    );
}
