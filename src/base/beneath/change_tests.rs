use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

/// A directory `in` beside a directory `out` with a file `secret`.
fn room() -> (tempfile::TempDir, Beneath) {
    let outer = tempfile::tempdir().unwrap();
    for name in ["in", "out"] {
        std::fs::create_dir(outer.path().join(name)).unwrap();
    }
    std::fs::write(outer.path().join("out/secret"), "secret").unwrap();
    let below = Beneath::open(&outer.path().join("in")).unwrap();
    (outer, below)
}

fn rename(below: &Beneath, from: &str, to: &str, existing: Existing) -> Result<(), Error> {
    below.rename(&path(from), &path(to), existing, Durability::Synced)
}

fn copy(below: &Beneath, from: &str, to: &str) -> Result<u64, Error> {
    let (from, to) = (path(from), path(to));
    below.copy(&from, &to, Existing::Refuse, Durability::Synced, &|| false)
}

fn text(at: &Path) -> String {
    std::fs::read_to_string(at).unwrap()
}

#[test]
fn files_and_directories_move_and_replace_nothing_unasked() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    std::fs::create_dir_all(root.join("dir/deep")).unwrap();
    std::fs::write(root.join("a"), "a").unwrap();
    std::fs::write(root.join("b"), "b").unwrap();
    let refuse = Existing::Refuse;
    assert!(matches!(
        rename(&below, "a", "b", refuse),
        Err(Error::Exists)
    ));
    assert!(matches!(
        rename(&below, "a", "a", refuse),
        Err(Error::Exists)
    ));
    assert!(matches!(
        rename(&below, "dir", "dir/deep/x", refuse),
        Err(Error::IntoItself)
    ));
    assert!(matches!(
        rename(&below, "a", "dir", Existing::Replace),
        Err(Error::IsDirectory)
    ));
    assert!(matches!(
        rename(&below, "none", "x", refuse),
        Err(Error::NotFound)
    ));
    rename(&below, "a", "b", Existing::Replace).unwrap();
    rename(&below, "b", "dir/deep/c", refuse).unwrap();
    rename(&below, "dir", "moved", refuse).unwrap();
    assert_eq!(text(&root.join("moved/deep/c")), "a");
    assert!(below.remove_directory(&path("moved")).is_err(), "not empty");
    below.remove(&path("moved/deep/c")).unwrap();
    below.remove_directory(&path("moved/deep")).unwrap();
}

#[test]
fn the_way_without_noreplace_replaces_nothing_either() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    for name in ["dir", "taken"] {
        std::fs::create_dir(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("x"), name).unwrap();
    }
    std::fs::write(root.join("a"), "a").unwrap();
    let go = |from, to, is_directory| {
        change::rename_in_two((below.as_fd(), from), (below.as_fd(), to), is_directory)
    };
    assert!(matches!(go("dir", "taken", true), Err(Error::Exists)));
    assert!(matches!(go("a", "taken", false), Err(Error::Exists)));
    assert!(matches!(go("dir", "a", true), Err(Error::Exists)));
    go("dir", "moved", true).unwrap();
    go("a", "b", false).unwrap();
    assert_eq!(text(&root.join("moved/x")), "dir");
    assert_eq!(text(&root.join("b")), "a");
    assert!(!root.join("dir").exists() && !root.join("a").exists());
    assert_eq!(text(&root.join("taken/x")), "taken");
}

#[test]
fn a_copy_keeps_the_mode_but_for_set_id_bits() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    std::fs::write(root.join("a"), vec![7; 100_000]).unwrap();
    std::fs::set_permissions(root.join("a"), std::fs::Permissions::from_mode(0o4750)).unwrap();
    assert_eq!(copy(&below, "a", "b").unwrap(), 100_000);
    assert_eq!(std::fs::read(root.join("b")).unwrap(), vec![7; 100_000]);
    let mode = std::fs::metadata(root.join("b")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o7777, 0o750);
    assert!(matches!(copy(&below, "a", "b"), Err(Error::Exists)));
    let stopped = below.copy(
        &path("a"),
        &path("c"),
        Existing::Refuse,
        Durability::Cached,
        &|| true,
    );
    assert!(stopped.is_err() && !root.join("c").exists());
    assert_eq!(
        std::fs::read_dir(&root).unwrap().count(),
        2,
        "nothing half-written"
    );
}

#[test]
fn no_change_goes_through_a_link_and_a_link_is_moved_as_itself() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    symlink("../out", root.join("way")).unwrap();
    symlink("../out/secret", root.join("direct")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    std::fs::write(root.join("a"), "a").unwrap();
    let refuse = Existing::Refuse;
    assert!(matches!(
        rename(&below, "a", "way/a", refuse),
        Err(Error::Symlink)
    ));
    assert!(matches!(
        rename(&below, "way/secret", "mine", refuse),
        Err(Error::Symlink)
    ));
    assert!(matches!(
        rename(&below, "a", "dangling", refuse),
        Err(Error::Exists)
    ));
    assert!(matches!(
        rename(&below, "a", "direct", Existing::Replace),
        Err(Error::Symlink)
    ));
    assert!(matches!(
        copy(&below, "way/secret", "mine"),
        Err(Error::Outside)
    ));
    assert!(matches!(
        copy(&below, "direct", "mine"),
        Err(Error::Symlink)
    ));
    assert!(matches!(copy(&below, "a", "way/x"), Err(Error::Symlink)));
    assert!(matches!(
        below.remove(&path("way/secret")),
        Err(Error::Symlink)
    ));
    assert!(matches!(
        below.remove_directory(&path("way")),
        Err(Error::NotADirectory)
    ));
    rename(&below, "direct", "moved", refuse).unwrap();
    assert_eq!(
        below.link_target(&path("moved")).unwrap().unwrap(),
        "../out/secret"
    );
    below.remove(&path("moved")).unwrap();
    assert_eq!(text(&outer.path().join("out/secret")), "secret");
}

#[cfg(target_os = "linux")]
/// One thread swaps a directory for a link that leads out, as fast as it can, while another writes, moves and removes through
/// it: whatever each call answers, nothing outside changes.
#[test]
fn swapping_a_directory_for_a_link_gets_nothing_out() {
    let (outer, below) = room();
    let root = outer.path().join("in");
    std::fs::create_dir(root.join("d")).unwrap();
    symlink("../out", root.join("link")).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            while !over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(&below, "d", &below, "link", exchange).unwrap();
            }
        });
        let mut landed = 0;
        for round in 0..3_000 {
            let name = path(&format!("d/{round}"));
            let wrote = below.write(&name, b"x", Existing::Replace, Durability::Cached);
            landed += usize::from(wrote.is_ok());
            let moved = path(&format!("d/m{round}"));
            let _ = below.rename(&name, &moved, Existing::Refuse, Durability::Cached);
            let _ = below.remove(&path("d/secret"));
            let _ = below.remove(&moved);
            let _ = below.create_directories(&path(&format!("d/dir{round}")), Durability::Cached);
            assert!(below.file(&path("d/secret")).is_err(), "read outside");
        }
        over.store(true, Ordering::Relaxed);
        assert!(landed > 0, "no write met the directory");
    });
    let left: Vec<_> = std::fs::read_dir(outer.path().join("out"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(text(&outer.path().join("out/secret")), "secret");
}
