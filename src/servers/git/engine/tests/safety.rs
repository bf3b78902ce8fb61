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
