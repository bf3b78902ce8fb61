use std::path::PathBuf;

use git2::{Oid, Repository};

use super::*;
use crate::base::beneath::RelPath;
use crate::base::ids::{AgentId, ProjectId, RepoName};
use crate::project::workspace::{TreeId, Workspaces};
use commit::{Committed, Wanted, Who};

/// A project in a temporary directory with a repository `main`.
struct Room {
    spaces: Workspaces,
    data: tempfile::TempDir,
}

fn go() -> bool {
    false
}

impl Room {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let spaces = Workspaces::new(data.path());
        let id = Self::id("ann");
        spaces
            .create_repository(&id.project, &id.repo, "main")
            .unwrap();
        let room = Self { spaces, data };
        room.spaces.files(&id).unwrap();
        room
    }

    fn id(agent: &str) -> TreeId {
        TreeId {
            project: ProjectId::new("shop").unwrap(),
            agent: AgentId::new(agent).unwrap(),
            repo: RepoName::new("main").unwrap(),
        }
    }

    fn root(&self, agent: &str) -> PathBuf {
        self.spaces.files(&Self::id(agent)).unwrap();
        self.data
            .path()
            .join(format!("projects/shop/workspaces/{agent}/main"))
    }

    fn repo(&self, agent: &str) -> Repository {
        self.spaces.repository(&Self::id(agent)).unwrap()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let at = self.root("ann").join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
    }

    fn add(&self, paths: &[&str]) -> Result<Vec<String>, Error> {
        let paths: Vec<RelPath> = paths
            .iter()
            .map(|path| RelPath::parse(path).unwrap())
            .collect();
        let files = self.spaces.files(&Self::id("ann")).unwrap();
        Ok(add::add(&self.repo("ann"), &files, &paths, false, &go)?
            .into_iter()
            .collect())
    }

    fn commit(&self, message: &str) -> Result<Committed, Error> {
        self.commit_as(&Wanted {
            message: Some(message.into()),
            ..Wanted::default()
        })
    }

    fn commit_as(&self, wanted: &Wanted) -> Result<Committed, Error> {
        let who = Who {
            name: "ann".into(),
            email: "ann@shop".into(),
            now: 1_000_000,
        };
        commit::commit(&self.repo("ann"), wanted, &who)
    }

    /// Writes, stages everything and commits.
    fn save(&self, path: &str, content: &str) -> Oid {
        self.write(path, content);
        self.add(&["."]).unwrap();
        self.commit(&format!("change {path}\n\nwith a body"))
            .unwrap()
            .id
    }
}

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

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
        let page = log::log(&repo, revision, filter, None, 50, &go).unwrap();
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
        let page = log::log(&repo, None, &log::Filter::default(), after.as_ref(), 3, &go).unwrap();
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

fn diff_all(repo: &Repository, sides: &diff::Sides, format: diff::Format) -> Vec<diff::FileDiff> {
    let (found, _) = diff::compare(repo, sides, &[], 3).unwrap();
    diff::page(&found, format, None, 200, &go).unwrap().items
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
    let (found, _) = diff::compare(&repo, &diff::Sides::Staged, &[], 3).unwrap();
    let mut whole = String::new();
    for index in 0..3 {
        whole += &shown(
            &git2::Patch::from_diff(&found, index)
                .unwrap()
                .unwrap()
                .to_buf()
                .unwrap(),
        );
    }
    let (mut joined, mut after, mut pages) = (String::new(), None, 0);
    loop {
        let page = diff::page(&found, diff::Format::Patch, after.as_ref(), 200, &go).unwrap();
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
    assert_eq!(
        (at.branch.as_deref(), at.commit),
        (Some("feature"), Some(first))
    );
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
    assert_eq!((at.branch, at.commit), (None, Some(first)));
    assert_eq!(name::head_branch(&repo).unwrap(), None);
}

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
