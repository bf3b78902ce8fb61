use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;
use rustix::fs::CWD;

use super::*;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

/// A directory `in` beside a file `secret`.
fn room() -> (tempfile::TempDir, Beneath) {
    let outer = tempfile::tempdir().unwrap();
    std::fs::create_dir(outer.path().join("in")).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let below = Beneath::open(&outer.path().join("in")).unwrap();
    (outer, below)
}

fn read(below: &Beneath, at: &str) -> Result<String, Error> {
    let (mut file, _) = below.file(&path(at))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn links_that_lead_out_are_refused_and_links_inside_are_read_through() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    symlink("..", root.join("up")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    symlink("../secret", root.join("direct")).unwrap();
    std::fs::create_dir(root.join("real")).unwrap();
    std::fs::write(root.join("real/a"), "a").unwrap();
    symlink("real", root.join("alias")).unwrap();

    assert!(matches!(read(&below, "up/secret"), Err(Error::Outside)));
    assert!(matches!(read(&below, "etc/passwd"), Err(Error::Outside)));
    assert!(matches!(read(&below, "direct"), Err(Error::Symlink)));
    assert_eq!(read(&below, "alias/a").unwrap(), "a");
    let write = |at| below.write(&path(at), b"x", Existing::Replace, Durability::Cached);
    assert!(matches!(write("alias/b"), Err(Error::Symlink)));
    assert!(matches!(write("up/b"), Err(Error::Symlink)));
    assert!(matches!(write("direct"), Err(Error::Symlink)));
    assert_eq!(
        std::fs::read_to_string(outer.path().join("secret")).unwrap(),
        "secret"
    );
}

#[test]
fn the_stepwise_way_follows_no_link_at_all() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    symlink("..", root.join("up")).unwrap();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(root.join("a/b/c"), "c").unwrap();
    let open = |at| open::open_stepwise(below.as_fd(), &path(at), OFlags::RDONLY);
    assert!(open("a/b/c").is_ok());
    assert!(open("a").is_ok());
    assert!(open("up/secret").is_err());
    assert!(open("up").is_err());
}

#[test]
fn special_files_are_refused_at_once() {
    let (outer, below) = room();
    let fifo = outer.path().join("in/fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let socket = outer.path().join("in/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::create_dir(outer.path().join("in/dir")).unwrap();

    assert!(matches!(read(&below, "fifo"), Err(Error::Special)));
    assert!(matches!(read(&below, "socket"), Err(Error::Special)));
    assert!(matches!(read(&below, "dir"), Err(Error::IsDirectory)));
    for at in ["fifo", "socket"] {
        let done = below.write(&path(at), b"x", Existing::Replace, Durability::Cached);
        assert!(matches!(done, Err(Error::Special)), "{at}");
    }
}

#[test]
fn a_file_with_a_second_name_is_refused() {
    let (outer, below) = room();
    std::fs::hard_link(outer.path().join("secret"), outer.path().join("in/mine")).unwrap();
    assert!(matches!(read(&below, "mine"), Err(Error::HardLinked)));
    let done = below.write(&path("mine"), b"x", Existing::Replace, Durability::Cached);
    assert!(matches!(done, Err(Error::HardLinked)));
}

#[test]
fn a_write_keeps_the_mode_and_leaves_nothing_behind() {
    let (outer, below) = room();
    let at = outer.path().join("in/run.sh");
    std::fs::write(&at, "old").unwrap();
    std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o750)).unwrap();
    below
        .write(
            &path("run.sh"),
            b"new",
            Existing::Replace,
            Durability::Synced,
        )
        .unwrap();
    assert_eq!(std::fs::read_to_string(&at).unwrap(), "new");
    assert_eq!(
        std::fs::metadata(&at).unwrap().permissions().mode() & 0o777,
        0o750
    );
    assert_eq!(
        std::fs::read_dir(outer.path().join("in")).unwrap().count(),
        1
    );
}

#[test]
fn creating_never_replaces() {
    let (outer, below) = room();
    let create = |text: &[u8]| below.write(&path("a"), text, Existing::Refuse, Durability::Cached);
    create(b"one").unwrap();
    assert!(matches!(create(b"two"), Err(Error::Exists)));
    assert_eq!(read(&below, "a").unwrap(), "one");
    assert_eq!(
        std::fs::read_dir(outer.path().join("in")).unwrap().count(),
        1
    );
}

#[test]
fn listings_are_sorted_and_leave_out_repositories_and_unfinished_writes() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    for name in ["b", "a", ".git", ".GIT", ".syndarix-tmp-1-1", ".gitignore"] {
        std::fs::write(root.join(name), "").unwrap();
    }
    std::fs::create_dir(root.join("c")).unwrap();
    let names: Vec<_> = below
        .entries(&RelPath::root())
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, [".gitignore", "a", "b", "c"]);
    assert!(matches!(
        below.entries(&path("nowhere")),
        Err(Error::NotFound)
    ));
    assert!(matches!(
        below.entries(&path("a")),
        Err(Error::NotADirectory)
    ));
}

#[test]
fn directories_are_made_but_not_through_links() {
    let (outer, below) = room();
    symlink("..", outer.path().join("in/up")).unwrap();
    assert!(
        below
            .create_directories(&path("x/y/z"), Durability::Synced)
            .unwrap()
    );
    assert!(
        !below
            .create_directories(&path("x/y"), Durability::Synced)
            .unwrap()
    );
    assert!(
        below
            .create_directories(&path("up/new"), Durability::Cached)
            .is_err()
    );
    assert!(!outer.path().join("new").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the tree of links looks like, the file outside is never read.
    #[test]
    fn no_path_reads_the_file_outside(
        links in proptest::collection::vec(("[abc]", "(\\.\\./){0,3}([abc]|secret|in)?(/[abc]|/secret)?"), 0..6),
        wanted in "[abc](/[abc]|/secret|/in){0,3}",
    ) {
        let (outer, below) = room();
        for (name, target) in &links {
            let target = if target.is_empty() { ".." } else { target };
            let _ = symlink(target, outer.path().join("in").join(name));
        }
        prop_assert!(read(&below, &wanted).is_err());
        let write = below.write(&path(&wanted), b"x", Existing::Replace, Durability::Cached);
        prop_assert_eq!(std::fs::read_to_string(outer.path().join("secret")).unwrap(), "secret");
        if write.is_ok() {
            prop_assert!(!wanted.contains('/'), "only a plain new file can be written here");
        }
    }
}
