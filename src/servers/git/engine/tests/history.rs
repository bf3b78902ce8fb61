use super::*;

#[test]
fn history_is_filtered_and_paged() {
    let room = Room::new();
    let ids = [
        room.save("a", "1"),
        room.save("dir/b", "needle"),
        room.save("a", "2"),
        room.save("c", "3"),
    ];
    let repo = room.repo("ann");
    let run = |revision: Option<&str>, filter: &log::Filter| -> Vec<Oid> {
        let page = log::log(&repo, None, revision, filter, None, 50, &go).unwrap();
        page.commits.iter().map(git2::Commit::id).collect()
    };
    let all: Vec<Oid> = ids.iter().rev().copied().collect();
    let paths = |path: &str| log::Filter {
        paths: vec![RelPath::parse(path).unwrap()],
        ..log::Filter::default()
    };
    assert_eq!(run(None, &log::Filter::default()), all);
    assert_eq!(run(None, &paths("a")), [ids[2], ids[0]]);
    assert_eq!(run(None, &paths("dir")), [ids[1]]);
    assert_eq!(
        run(Some("HEAD~2..HEAD"), &log::Filter::default()),
        [ids[3], ids[2]]
    );
    assert_eq!(run(Some("HEAD~1.."), &log::Filter::default()), [ids[3]]);
    assert_eq!(
        run(
            None,
            &log::Filter {
                grep: Some("CHANGE C".into()),
                ..log::Filter::default()
            }
        ),
        [ids[3]]
    );
    assert_eq!(
        run(
            None,
            &log::Filter {
                author: Some("bea".into()),
                ..log::Filter::default()
            }
        ),
        [] as [Oid; 0]
    );
    assert_eq!(
        run(
            None,
            &log::Filter {
                pickaxe: Some("needle".into()),
                ..log::Filter::default()
            }
        ),
        [ids[1]]
    );
    assert_eq!(
        run(
            None,
            &log::Filter {
                until: Some(999),
                ..log::Filter::default()
            }
        ),
        [] as [Oid; 0]
    );
    let (mut joined, mut after) = (Vec::new(), None);
    loop {
        let page = log::log(
            &repo,
            None,
            None,
            &log::Filter::default(),
            after.as_ref(),
            3,
            &go,
        )
        .unwrap();
        joined.extend(page.commits.iter().map(git2::Commit::id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(joined, all);
    for bad in [
        "-x",
        "--all",
        "",
        ":/text",
        "HEAD:a",
        "a b",
        "HEAD^{/x}",
        "a\nb",
    ] {
        assert!(
            matches!(name::commit(&repo, bad), Err(Error::BadRevision(_))),
            "{bad:?}"
        );
    }
    assert!(matches!(
        name::commit(&repo, "nothing"),
        Err(Error::NoSuchRevision(_))
    ));
}

#[test]
fn diffs_know_renames_binaries_modes_and_roots() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
    room.write("old.txt", &long);
    room.write("bin", b"\0\x01");
    room.write("run.sh", "x\n");
    room.add(&["."]).unwrap();
    room.commit("first").unwrap();
    let root = room.root("ann");
    std::fs::rename(root.join("old.txt"), root.join("new.txt")).unwrap();
    room.write("bin", b"\0\x02");
    std::fs::set_permissions(root.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let repo = room.repo("ann");
    let unstaged = diff_all(&repo, &diff::Sides::Unstaged, diff::Format::NameStatus);
    assert_eq!(
        unstaged.iter().map(|i| i.path.as_str()).collect::<Vec<_>>(),
        ["bin", "old.txt", "run.sh"]
    );
    room.add(&["."]).unwrap();
    let repo = room.repo("ann");
    let staged = diff_all(&repo, &diff::Sides::Staged, diff::Format::Patch);
    let by = |path: &str| staged.iter().find(|item| item.path == path).unwrap();
    assert!(by("bin").binary && by("bin").patch.is_empty());
    assert_eq!(
        (by("new.txt").change, by("new.txt").from.as_deref()),
        (status::Change::Renamed, Some("old.txt"))
    );
    assert_eq!(by("run.sh").modes, Some(("100644".into(), "100755".into())));
    let root = diff_all(
        &repo,
        &diff::Sides::Range {
            from: None,
            to: None,
            merge_base: false,
        },
        diff::Format::Stat,
    );
    assert_eq!(
        root.iter()
            .filter_map(|item| item.insertions)
            .sum::<usize>(),
        41
    );
}

#[test]
fn pages_of_a_diff_join_to_the_whole() {
    let room = Room::new();
    room.save("a", "x\n");
    for name in ["a", "b", "c"] {
        let text: String = (0..3000).map(|n| format!("{name} line {n}\n")).collect();
        room.write(name, text);
    }
    room.add(&["."]).unwrap();
    let repo = room.repo("ann");
    let (compared, _) =
        diff::compare(&repo, None, &diff::Sides::Staged, &[], 3, None, &go).unwrap();
    let diff::Compared::Library(found) = &compared else {
        panic!("libgit2 compares what is staged")
    };
    let mut whole = String::new();
    for index in 0..3 {
        whole += &shown(
            &git2::Patch::from_diff(found, index)
                .unwrap()
                .unwrap()
                .to_buf()
                .unwrap(),
        );
    }
    let (mut joined, mut after, mut pages) = (String::new(), None, 0);
    loop {
        let page = compared
            .page(diff::Format::Patch, after.as_ref(), 200, &go)
            .unwrap();
        let size: usize = page.items.iter().map(|item| item.patch.len()).sum();
        assert!(size <= 33 * 1024);
        joined.extend(page.items.iter().map(|item| item.patch.as_str()));
        after = page.next;
        pages += 1;
        if after.is_none() {
            break;
        }
    }
    assert!(pages > 2);
    assert_eq!(joined, whole);
}
