use std::fs;
use std::path::Path;

use git2::{Oid, Repository, Signature};

use super::*;
use crate::base::beneath::{Durability, Existing, RelPath};

fn tree(agent: &str) -> TreeId {
    TreeId {
        project: ProjectId::new("shop").unwrap(),
        agent: AgentId::new(agent).unwrap(),
        repo: RepoName::new(DEFAULT_REPO).unwrap(),
    }
}

fn init(spaces: &Workspaces) -> Created {
    let id = tree("ann");
    spaces
        .create_repository(&id.project, &id.repo, DEFAULT_BRANCH)
        .unwrap()
}

fn write(spaces: &Workspaces, agent: &str, path: &str, text: &str) {
    let files = spaces.files(&tree(agent)).unwrap();
    let path = RelPath::parse(path).unwrap();
    files
        .create_directories(&path.parent(), Durability::Cached)
        .unwrap();
    files
        .write(
            &path,
            text.as_bytes(),
            Existing::Replace,
            Durability::Cached,
        )
        .unwrap();
}

fn names(spaces: &Workspaces, agent: &str) -> Vec<String> {
    let entries = spaces
        .files(&tree(agent))
        .unwrap()
        .entries(&RelPath::root())
        .unwrap();
    entries
        .into_iter()
        .map(|entry| entry.name.into_string().unwrap())
        .collect()
}

/// Commits everything in the agent's tree and points `main` at it.
fn commit_to_main(repository: &Repository) -> Oid {
    let mut index = repository.index().unwrap();
    index
        .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
        .unwrap();
    index.write().unwrap();
    let content = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::new("ann", "ann@agents", &git2::Time::new(0, 0)).unwrap();
    let oid = repository
        .commit(Some("HEAD"), &who, &who, "first", &content, &[])
        .unwrap();
    repository
        .reference("refs/heads/main", oid, true, "first")
        .unwrap();
    oid
}

#[test]
fn files_come_before_the_repository_and_are_adopted() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    write(&spaces, "ann", "a.txt", "a");
    assert!(matches!(
        spaces.repository(&tree("ann")),
        Err(Error::NoRepository)
    ));
    assert_eq!(init(&spaces), Created::New);
    assert_eq!(init(&spaces), Created::Existing);

    let repository = spaces.repository(&tree("ann")).unwrap();
    assert!(!repository.is_bare());
    assert!(repository.is_worktree());
    let status = repository.statuses(None).unwrap();
    assert_eq!(
        status
            .iter()
            .map(|s| s.path().unwrap().to_owned())
            .collect::<Vec<_>>(),
        ["a.txt"]
    );
    assert_eq!(
        repository.head().err().unwrap().code(),
        git2::ErrorCode::UnbornBranch
    );
    assert_eq!(names(&spaces, "ann"), ["a.txt"], "no .git in the tree");
    assert!(
        !data
            .path()
            .join("projects/shop/workspaces/ann/main/.git")
            .exists()
    );
}

#[test]
fn a_second_agent_gets_the_default_branch_on_first_use() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    init(&spaces);
    write(&spaces, "ann", "src/a.txt", "a");
    let first = commit_to_main(&spaces.repository(&tree("ann")).unwrap());

    assert_eq!(names(&spaces, "bea"), ["src"]);
    let bea = spaces.repository(&tree("bea")).unwrap();
    assert_eq!(
        bea.head().unwrap().name().unwrap(),
        "refs/heads/agent/bea/work"
    );
    assert_eq!(bea.head().unwrap().target(), Some(first));
    assert!(bea.statuses(None).unwrap().is_empty());

    write(&spaces, "bea", "src/a.txt", "changed");
    assert_eq!(bea.statuses(None).unwrap().len(), 1);
    assert!(
        spaces
            .repository(&tree("ann"))
            .unwrap()
            .statuses(None)
            .unwrap()
            .is_empty()
    );
    let holder = |branch| branch_holder(&bea, branch, &tree("bea").agent).unwrap();
    assert_eq!(holder("agent/ann/work").as_deref(), Some("ann"));
    assert_eq!(holder("agent/bea/work"), None);
}

#[test]
fn what_an_agent_wrote_before_its_worktree_stays() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    write(&spaces, "bea", "a.txt", "mine");
    write(&spaces, "bea", "b.txt", "mine too");
    init(&spaces);
    write(&spaces, "ann", "a.txt", "theirs");
    write(&spaces, "ann", "c.txt", "c");
    commit_to_main(&spaces.repository(&tree("ann")).unwrap());

    let bea = spaces.repository(&tree("bea")).unwrap();
    let root = data.path().join("projects/shop/workspaces/bea/main");
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(root.join("c.txt")).unwrap(), "c");
    let mut seen: Vec<_> = bea
        .statuses(None)
        .unwrap()
        .iter()
        .map(|s| (s.path().unwrap().to_owned(), s.status()))
        .collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            ("a.txt".to_owned(), git2::Status::WT_MODIFIED),
            ("b.txt".to_owned(), git2::Status::WT_NEW)
        ]
    );
}

#[test]
fn an_interrupted_first_use_is_finished_by_the_next() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    init(&spaces);
    write(&spaces, "ann", "a.txt", "a");
    commit_to_main(&spaces.repository(&tree("ann")).unwrap());
    names(&spaces, "bea");
    let admin = data
        .path()
        .join("projects/shop/repos/main.git/worktrees/bea");
    fs::write(admin.join("syndarix-unfinished"), "").unwrap();
    fs::remove_file(admin.join("index")).unwrap();
    fs::remove_file(data.path().join("projects/shop/workspaces/bea/main/a.txt")).unwrap();
    assert_eq!(names(&spaces, "bea"), ["a.txt"]);
    assert!(
        spaces
            .repository(&tree("bea"))
            .unwrap()
            .statuses(None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_agent_that_came_before_the_first_commit_starts_from_it() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    init(&spaces);
    write(&spaces, "bea", "b.txt", "b");
    spaces.repository(&tree("bea")).unwrap();
    write(&spaces, "ann", "a.txt", "a");
    let first = commit_to_main(&spaces.repository(&tree("ann")).unwrap());

    let bea = spaces.repository(&tree("bea")).unwrap();
    assert_eq!(bea.head().unwrap().target(), Some(first));
    assert_eq!(names(&spaces, "bea"), ["a.txt", "b.txt"]);
    // The one who made it is left as she is.
    write(&spaces, "ann", "a.txt", "changed");
    let ann = spaces.repository(&tree("ann")).unwrap();
    assert_eq!(
        ann.statuses(None).unwrap().get(0).unwrap().status(),
        git2::Status::WT_MODIFIED
    );
}

#[test]
fn a_planted_git_directory_is_never_consulted() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    init(&spaces);
    spaces.files(&tree("ann")).unwrap();
    let root = data.path().join("projects/shop/workspaces/ann/main");
    let planted = Repository::init(&root).unwrap();
    assert!(root.join(".git").is_dir());
    let repository = spaces.repository(&tree("ann")).unwrap();
    assert_ne!(repository.commondir(), planted.commondir());
    assert!(
        repository
            .path()
            .starts_with(fs::canonicalize(data.path().join("projects/shop/repos")).unwrap())
    );
}

#[test]
fn the_data_directory_may_move() {
    let data = tempfile::tempdir().unwrap();
    let old = data.path().join("old");
    fs::create_dir(&old).unwrap();
    let spaces = Workspaces::new(&old);
    init(&spaces);
    write(&spaces, "ann", "a.txt", "a");
    spaces.repository(&tree("ann")).unwrap();
    fs::rename(&old, data.path().join("new")).unwrap();
    let moved = Workspaces::new(data.path().join("new"));
    assert_eq!(
        moved
            .repository(&tree("ann"))
            .unwrap()
            .statuses(None)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_run_directory_is_fresh_and_its_name_is_checked() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    let project = tree("ann").project;
    let work = spaces.fresh_run(&project, "run_1").unwrap();
    fs::write(work.join("left"), "over").unwrap();
    let again = spaces.fresh_run(&project, "run_1").unwrap();
    assert!(is_empty(&again));
    for bad in ["", "..", "a/b", "A", "a-b", &"a".repeat(65)] {
        assert!(
            matches!(spaces.fresh_run(&project, bad), Err(Error::BadRun)),
            "{bad:?}"
        );
    }
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).unwrap().next().is_none()
}

fn walked(spaces: &Workspaces, at: &str, options: &WalkOptions) -> Vec<String> {
    let files = spaces.files(&tree("ann")).unwrap();
    let mut seen = Vec::new();
    walk(
        &files,
        &RelPath::parse(at).unwrap(),
        options,
        &mut |visit| {
            if visit.kind == beneath::Kind::File {
                assert!(visit.open().is_ok());
                seen.push(visit.path.to_string());
            }
            Ok(Step::Continue)
        },
    )
    .unwrap();
    seen
}

#[test]
fn a_walk_is_ordered_obeys_ignore_files_and_continues_anywhere() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    for path in [
        "b/x.rs",
        "b/deep/y.rs",
        "b.rs",
        "a.log",
        "target/t.rs",
        ".hidden/h.rs",
        "b/keep.log",
        "b/z/out.txt",
    ] {
        write(&spaces, "ann", path, "x");
    }
    write(&spaces, "ann", ".gitignore", "*.log\n/target\n");
    write(&spaces, "ann", "b/.gitignore", "!keep.log\nz/out.txt\n");
    let root = data.path().join("projects/shop/workspaces/ann/main");
    std::os::unix::fs::symlink("/etc", root.join("etc")).unwrap();
    std::os::unix::fs::symlink("b", root.join("alias")).unwrap();

    let all = walked(&spaces, ".", &WalkOptions::default());
    assert_eq!(all, ["b/deep/y.rs", "b/keep.log", "b/x.rs", "b.rs"]);
    assert_eq!(
        walked(&spaces, "b/deep", &WalkOptions::default()),
        ["b/deep/y.rs"]
    );
    let everything = WalkOptions {
        hidden: true,
        ignored: true,
        ..WalkOptions::default()
    };
    assert_eq!(walked(&spaces, ".", &everything).len(), 10);
    for (at, path) in all.iter().enumerate() {
        let after = WalkOptions {
            after: Some(RelPath::parse(path).unwrap()),
            ..WalkOptions::default()
        };
        assert_eq!(walked(&spaces, ".", &after), all[at + 1..]);
    }
}

#[test]
fn what_lies_aside_is_out_of_reach_counted_and_removed_as_a_whole() {
    let data = tempfile::tempdir().unwrap();
    let spaces = Workspaces::new(data.path());
    let id = tree("ann");
    write(&spaces, "ann", "a.txt", "12345");
    let aside = spaces.aside(&id, Shelf::Trash).unwrap();
    let kept = RelPath::parse("one").unwrap();
    aside.files().make_directory(&kept).unwrap();
    std::fs::create_dir_all(data.path().join("projects/shop/trash/ann/main/one/.git")).unwrap();
    let (from, to) = ("a.txt", "one/content");
    let (from, to) = (RelPath::parse(from).unwrap(), RelPath::parse(to).unwrap());
    let files = spaces.files(&id).unwrap();
    assert_eq!(spaces.size(&id.project, &|| false), Some(5));
    files
        .move_to(
            &from,
            aside.files(),
            &to,
            Existing::Refuse,
            Durability::Synced,
        )
        .unwrap();
    assert_eq!(files.entries(&RelPath::root()).unwrap(), []);
    assert_eq!(
        spaces.size(&id.project, &|| false),
        Some(5),
        "it still counts"
    );
    assert_eq!(spaces.size(&id.project, &|| true), None);
    assert_eq!(spaces.trees_with(Shelf::Trash), std::slice::from_ref(&id));
    assert_eq!(spaces.trees_with(Shelf::Snapshots), []);
    assert_eq!(aside.size(&kept), 5);
    aside.remove_all(&kept).unwrap();
    aside.remove_all(&kept).unwrap();
    assert_eq!(spaces.size(&id.project, &|| false), Some(0));
}
