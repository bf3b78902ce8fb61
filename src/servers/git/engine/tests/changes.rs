use super::*;

#[test]
fn from_nothing_to_the_first_commit() {
    let room = Room::new();
    room.write("a.txt", "one\n");
    room.write("src/b.txt", "two\n");
    let repo = room.repo("ann");
    assert!(name::head(&repo).unwrap().is_none());
    assert_eq!(
        name::head_branch(&repo).unwrap().as_deref(),
        Some("agent/ann/work")
    );
    assert!(matches!(name::commit(&repo, "HEAD"), Err(Error::Unborn)));
    assert!(matches!(
        room.commit("x"),
        Err(Error::NothingStaged {
            unstaged: 0,
            untracked: 2
        })
    ));
    assert_eq!(room.add(&["a.txt"]).unwrap(), ["a.txt"]);
    let items = status::status(&room.repo("ann"), &[], true).unwrap();
    assert_eq!(
        (items[0].path.as_str(), items[0].staged, items[0].unstaged),
        ("a.txt", Some(status::Change::Added), None)
    );
    assert_eq!(
        (items[1].path.as_str(), items[1].unstaged),
        ("src/b.txt", Some(status::Change::Untracked))
    );

    let wanted = Wanted {
        message: Some("first".into()),
        expected_head: Some("unborn".into()),
        ..Wanted::default()
    };
    let done = room.commit_as(&wanted).unwrap();
    assert_eq!(
        (done.started.as_deref(), done.files, done.insertions),
        (Some("main"), 1, 1)
    );
    assert!(
        matches!(room.commit_as(&wanted), Err(Error::HeadMoved(head)) if head == done.id.to_string())
    );
    room.add(&["."]).unwrap();
    let second = room.commit("second").unwrap();
    assert_eq!((second.started, second.parents), (None, vec![done.id]));
}

#[test]
fn adding_stages_deletions_and_refuses_what_it_must() {
    let room = Room::new();
    room.save("dir/a", "a");
    room.save("b*", "star");
    room.save("bb", "plain");
    std::fs::remove_dir_all(room.root("ann").join("dir")).unwrap();
    assert_eq!(room.add(&["dir"]).unwrap(), ["dir/a"]);
    room.write("b*", "star 2");
    room.write("bb", "plain 2");
    assert_eq!(room.add(&["b*"]).unwrap(), ["b*"], "a path is no pattern");
    room.write("x[1] y", "brackets");
    assert_eq!(room.add(&["x[1] y"]).unwrap(), ["x[1] y"]);
    room.write(".gitignore", "*.log\n");
    room.write("x.log", "");
    assert!(matches!(room.add(&["x.log"]), Err(Error::Ignored(_))));
    assert!(matches!(room.add(&["nowhere"]), Err(Error::NoMatch(_))));
    std::fs::write(room.data.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(room.data.path(), room.root("ann").join("out")).unwrap();
    std::fs::hard_link(
        room.data.path().join("secret"),
        room.root("ann").join("hard"),
    )
    .unwrap();
    assert!(matches!(
        room.add(&["out/secret"]),
        Err(Error::ThroughLink(_))
    ));
    assert!(matches!(room.add(&["hard"]), Err(Error::Files(_))));
    let touched = room.add(&["."]).unwrap();
    assert!(
        touched.contains(&"out".to_owned()) && !touched.contains(&"out/secret".to_owned()),
        "{touched:?}"
    );
    assert!(!touched.contains(&"x.log".to_owned()));
}

#[test]
fn amending_keeps_the_message_and_adds_trailers() {
    let room = Room::new();
    room.save("a", "1");
    let tip = room.save("a", "2");
    room.write("a", "3");
    room.add(&["a"]).unwrap();
    let wanted = Wanted {
        amend: true,
        co_authors: vec!["Bea <bea@shop>".into()],
        ..Wanted::default()
    };
    let done = room.commit_as(&wanted).unwrap();
    let repo = room.repo("ann");
    let made = repo.find_commit(done.id).unwrap();
    assert_ne!(done.id, tip);
    assert_eq!(
        made.message().unwrap(),
        "change a\n\nwith a body\n\nCo-authored-by: Bea <bea@shop>\n"
    );
    assert_eq!(made.parent_count(), 1);
    assert!(matches!(
        room.commit("again"),
        Err(Error::NothingStaged { .. })
    ));
}

#[test]
fn branches_are_made_checked_out_and_not_shared() {
    let room = Room::new();
    let first = room.save("a", "1");
    let repo = room.repo("ann");
    branch::create(&repo, "feature", None, &ann()).unwrap();
    assert!(matches!(
        branch::create(&repo, "feature", None, &ann()),
        Err(Error::BranchExists(_))
    ));
    assert!(matches!(
        branch::create(&repo, "feature/x", None, &ann()),
        Err(Error::BranchExists(_))
    ));
    assert!(matches!(
        branch::create(&repo, "agent/bea/x", None, &ann()),
        Err(Error::ForeignBranch(_))
    ));
    room.save("a", "2");
    room.write("b", "untracked");
    let at = branch::checkout(&repo, "feature", &ann(), false).unwrap();
    assert_eq!((at.branch.as_deref(), at.commit), (Some("feature"), first));
    assert_eq!(
        std::fs::read_to_string(room.root("ann").join("a")).unwrap(),
        "1"
    );
    assert!(room.root("ann").join("b").exists());

    let bea = AgentId::new("bea").unwrap();
    let theirs = room.repo("bea");
    assert!(matches!(branch::checkout(&theirs, "feature", &bea, false),
        Err(Error::BranchBusy { holder, .. }) if holder == "ann"));
    room.write("a", "local");
    assert!(
        matches!(branch::checkout(&repo, "agent/ann/work", &ann(), false), Err(Error::LocalChanges(paths)) if paths == ["a"])
    );
    assert_eq!(
        name::head_branch(&repo).unwrap().as_deref(),
        Some("feature")
    );
    branch::checkout(&repo, "agent/ann/work", &ann(), true).unwrap();
    assert_eq!(
        std::fs::read_to_string(room.root("ann").join("a")).unwrap(),
        "2"
    );
    let at = branch::checkout(&repo, "HEAD~1", &ann(), false).unwrap();
    assert_eq!((at.branch, at.commit), (None, first));
    assert_eq!(name::head_branch(&repo).unwrap(), None);
}
