mod hostile;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use git2::{Signature, Time};

use super::super::integrate::tree::entry;
use super::super::merge::Side;
use super::super::submodule::{self, GITLINK, State, place};
use super::*;
use crate::project::workspace::modules;

const MOST: u64 = 1 << 20;

fn at(path: &str) -> RelPath {
    RelPath::parse(path).unwrap()
}

/// A commit in the store of the submodule at `path`, as a fetch would bring it: files by path, mode and content.
fn fetched(room: &Room, path: &str, files: &[(&str, u32, &str)]) -> Oid {
    let store = modules::make_store(&room.repo("ann"), &at(path)).unwrap();
    let mut index = git2::Index::new().unwrap();
    for (path, mode, content) in files {
        let id = match *mode {
            GITLINK => Oid::from_str(content).unwrap(),
            _ => store.blob(content.as_bytes()).unwrap(),
        };
        index
            .add(&entry(path, &Side { id, mode: *mode }, 0))
            .unwrap();
    }
    let tree = index.write_tree_to(&store).unwrap();
    let tree = store.find_tree(tree).unwrap();
    let who = Signature::new("lib", "lib@example", &Time::new(1, 0)).unwrap();
    store.commit(None, &who, &who, "x", &tree, &[]).unwrap()
}

/// Stages a submodule.
fn stage(room: &Room, path: &str, commit: Oid) {
    let repo = room.repo("ann");
    let mut index = repo.index().unwrap();
    let side = Side {
        id: commit,
        mode: GITLINK,
    };
    index.add(&entry(path, &side, 0)).unwrap();
    index.write().unwrap();
}

fn declare(room: &Room, name: &str, path: &str, url: &str) {
    let text = format!("[submodule \"{name}\"]\n\tpath = {path}\n\turl = {url}\n");
    room.write(".gitmodules", text);
    room.add(&[".gitmodules"]).unwrap();
}

/// The commit without the submodule `lib`, the one with it, and the submodule's commit, whose files are there.
fn with_lib(room: &Room) -> (Oid, Oid, Oid) {
    let without = room.save("a", "1");
    let lib = fetched(
        room,
        "lib",
        &[
            ("deep/x", 0o100_644, "x\n"),
            ("link", 0o120_000, "deep/x"),
            ("run", 0o100_755, "run\n"),
        ],
    );
    declare(room, "lib", "lib", "https://host/lib");
    stage(room, "lib", lib);
    let with = room.commit("with a submodule").unwrap().id;
    put(room, lib).unwrap();
    (without, with, lib)
}

fn put(room: &Room, commit: Oid) -> Result<(), Error> {
    place::put(&room.repo("ann"), &at("lib"), commit, MOST, &go)
}

fn state(room: &Room, wanted: Oid) -> State {
    let held = submodule::held(&room.repo("ann"), &at("lib"), wanted);
    held.unwrap().state
}

fn read(room: &Room, path: &str) -> Option<String> {
    std::fs::read_to_string(room.root("ann").join(path)).ok()
}

fn is_clean(room: &Room) {
    let repo = room.repo("ann");
    let (all, _) = status::all(&repo, None, &[], false, &go).unwrap();
    assert_eq!(all, []);
    if let Ok(git) = crate::servers::git::cli::Program::find("git") {
        assert_eq!(porcelain::status(&repo, &git, &[], false, &go).unwrap(), []);
    }
}

#[test]
fn the_files_of_a_submodule_are_files_and_nothing_else() {
    let room = Room::new();
    let (_, _, lib) = with_lib(&room);
    assert_eq!(state(&room, lib), State::Present);
    is_clean(&room);
    let root = room.root("ann");
    assert_eq!(
        std::fs::read_link(root.join("lib/link")).unwrap(),
        Path::new("deep/x")
    );
    let mode = |path: &str| {
        std::fs::metadata(root.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o111
    };
    assert_eq!((mode("lib/run") == 0, mode("lib/deep/x")), (false, 0));
    assert!(!root.join("lib/.git").exists());
    // A run has them too.
    let run = tempfile::tempdir().unwrap();
    let repo = room.repo("ann");
    let (head, into) = (
        name::commit(&repo, "HEAD").unwrap(),
        Beneath::open(run.path()).unwrap(),
    );
    let written = export::export(&repo, &head, &into, MOST, &go).unwrap();
    assert_eq!(written.files, 5);
    assert!(run.path().join("lib/deep/x").exists());
    // They are not staged, neither by their names nor with all.
    room.write("lib/deep/x", "mine\n");
    room.write("lib/new", "new\n");
    assert_eq!(state(&room, lib), State::Changed);
    is_clean(&room);
    assert_eq!(room.add(&["."]).unwrap(), [] as [String; 0]);
    let inside = room.add(&["lib/new"]);
    assert!(matches!(inside, Err(Error::InSubmodule { submodule, .. }) if submodule == "lib"));
    // Another commit overwrites what the agent did only when it is told to, and keeps what is in nobody's way.
    let next = fetched(
        &room,
        "lib",
        &[
            ("deep/x", 0o100_644, "next\n"),
            ("link/x", 0o100_644, "y\n"),
        ],
    );
    stage(&room, "lib", next);
    assert_eq!(submodule::behind(&room.repo("ann")).unwrap(), ["lib"]);
    let lost = place::lost(&room.repo("ann"), &at("lib"), next).unwrap();
    assert_eq!(lost, ["lib/deep/x"]);
    put(&room, next).unwrap();
    assert_eq!(read(&room, "lib/deep/x").as_deref(), Some("next\n"));
    assert_eq!(read(&room, "lib/link/x").as_deref(), Some("y\n"));
    assert_eq!(
        (read(&room, "lib/run"), read(&room, "lib/new").as_deref()),
        (None, Some("new\n"))
    );
    std::fs::remove_file(root.join("lib/new")).unwrap();
    assert_eq!(state(&room, next), State::Present);
}

#[test]
fn what_is_below_a_submodule_outlives_its_absence() {
    let room = Room::new();
    let (without, with, lib) = with_lib(&room);
    room.write("lib/deep/x", "mine\n");
    room.write("lib/new", "new\n");
    let repo = room.repo("ann");
    let there = || {
        submodule::way::settle(&room.repo("ann")).unwrap();
        assert_eq!(read(&room, "lib/deep/x").as_deref(), Some("mine\n"));
        assert_eq!(read(&room, "lib/new").as_deref(), Some("new\n"));
        assert_eq!(state(&room, lib), State::Changed);
        is_clean(&room);
    };
    let go_to = |id: Oid, force| {
        branch::checkout(&room.repo("ann"), &id.to_string(), &ann(), force).unwrap();
    };
    for force in [false, true] {
        go_to(without, force);
        submodule::way::settle(&room.repo("ann")).unwrap();
        assert_eq!(read(&room, "lib/new"), None);
        is_clean(&room);
        go_to(with, force);
        there();
    }
    for id in [without, with] {
        let repo = room.repo("ann");
        let commit = repo.find_commit(id).unwrap();
        reset::reset(&repo, &commit, reset::Mode::Hard).unwrap();
    }
    there();
    let files = room.spaces.files(&Room::id("ann")).unwrap();
    reset::restore_files(&room.repo("ann"), &files, None, &[RelPath::root()]).unwrap();
    there();
    let who = Who {
        name: "ann".into(),
        email: "ann@shop".into(),
        now: 1_000_000,
    };
    room.write("a", "2");
    stash::push(&mut room.repo("ann"), &files, &who, None, true).unwrap();
    there();
    stash::apply(&mut room.repo("ann"), &files, &who, 0, false).unwrap();
    assert_eq!(read(&room, "a").as_deref(), Some("2"));
    let bring = |tree: Oid, force| {
        let repo = room.repo("ann");
        let object = repo.find_object(tree, None).unwrap();
        branch::tree(&repo, &object, force).unwrap();
        submodule::way::settle(&room.repo("ann")).unwrap();
    };
    bring(with, true);
    there();
    // A file in its place.
    room.spaces.files(&Room::id("ann")).unwrap();
    let mut index = repo.index().unwrap();
    index.read(true).unwrap();
    index.remove(Path::new("lib"), 0).unwrap();
    let id = repo.blob(b"file").unwrap();
    index
        .add(&entry(
            "lib",
            &Side {
                id,
                mode: 0o100_644,
            },
            0,
        ))
        .unwrap();
    let tree = index.write_tree_to(&repo).unwrap();
    let tree = repo.find_tree(tree).unwrap();
    let (by, parent) = (who.signature().unwrap(), repo.find_commit(with).unwrap());
    let made = repo.commit(None, &by, &by, "a file", &tree, &[&parent]);
    let instead = made.unwrap();
    for force in [false, true] {
        go_to(instead, force);
        submodule::way::settle(&room.repo("ann")).unwrap();
        assert_eq!(read(&room, "lib").as_deref(), Some("file"));
        go_to(with, force);
        there();
    }
}

#[test]
fn a_staged_submodule_is_diffed_stashed_and_unstaged() {
    let room = Room::new();
    let (_, _, lib) = with_lib(&room);
    let next = fetched(&room, "lib", &[("deep/x", 0o100_644, "next\n")]);
    stage(&room, "lib", next);
    let (told, _) = status::all(&room.repo("ann"), None, &[], false, &go).unwrap();
    let like = status::Item {
        path: "lib".into(),
        staged: Some(status::Change::Modified),
        unstaged: None,
        from: None,
    };
    assert_eq!(told, [like]);
    let staged = diff_all(&room.repo("ann"), &diff::Sides::Staged, diff::Format::Patch);
    let text = format!("{staged:?}");
    for like in [
        format!("-Subproject commit {lib}"),
        format!("+Subproject commit {next}"),
    ] {
        assert!(text.contains(&like), "{text}");
    }
    assert_eq!(
        diff_all(
            &room.repo("ann"),
            &diff::Sides::Unstaged,
            diff::Format::Patch
        )
        .len(),
        0
    );
    let files = room.spaces.files(&Room::id("ann")).unwrap();
    let who = Who {
        name: "ann".into(),
        email: "ann@shop".into(),
        now: 1_000_000,
    };
    // libgit2 stashes no submodule alone, but along.
    room.write("a", "2");
    stash::push(&mut room.repo("ann"), &files, &who, None, false).unwrap();
    assert_eq!(state(&room, lib), State::Present);
    is_clean(&room);
    stash::apply(&mut room.repo("ann"), &files, &who, 0, false).unwrap();
    assert_eq!(
        submodule::links(&room.repo("ann"), &RelPath::root()).unwrap()[0].commit,
        next
    );
    reset::unstage(&room.repo("ann"), &[at("lib")]).unwrap();
    room.write("a", "1");
    is_clean(&room);
}

#[test]
fn what_a_dead_hub_left_half_way_is_put_right() {
    let room = Room::new();
    with_lib(&room);
    let next = fetched(
        &room,
        "lib",
        &[
            ("deep/x", 0o100_644, "next\n"),
            ("more", 0o100_644, "more\n"),
        ],
    );
    stage(&room, "lib", next);
    let module = modules::placed(&room.repo("ann"), &at("lib"))
        .unwrap()
        .unwrap();
    let note = module.path().join("syndarix-putting");
    std::fs::write(&note, format!("{next}\n")).unwrap();
    // Half of it is written, and one file is the agent's own.
    room.write("lib/more", "more\n");
    assert_eq!(state(&room, next), State::Changed);
    assert_eq!(
        place::lost(&room.repo("ann"), &at("lib"), next).unwrap(),
        [] as [String; 0]
    );
    room.write("lib/run", "mine\n");
    assert_eq!(
        place::lost(&room.repo("ann"), &at("lib"), next).unwrap(),
        ["lib/run"]
    );
    room.write("lib/run", "run\n");
    // A third commit is put instead: nothing of the second stays.
    let third = fetched(&room, "lib", &[("deep/x", 0o100_644, "third\n")]);
    assert_eq!(
        place::lost(&room.repo("ann"), &at("lib"), third).unwrap(),
        [] as [String; 0]
    );
    put(&room, third).unwrap();
    assert_eq!(read(&room, "lib/deep/x").as_deref(), Some("third\n"));
    assert_eq!(
        (read(&room, "lib/more"), read(&room, "lib/run")),
        (None, None)
    );
    assert_eq!(state(&room, third), State::Present);
    // The first time too.
    let room = Room::new();
    room.save("a", "1");
    let lib = fetched(
        &room,
        "lib",
        &[("x", 0o100_644, "x\n"), ("y", 0o100_644, "y\n")],
    );
    stage(&room, "lib", lib);
    let module = modules::make_placed(&room.repo("ann"), &at("lib")).unwrap();
    std::fs::write(module.path().join("syndarix-putting"), format!("{lib}\n")).unwrap();
    room.write("lib/x", "x\n");
    assert_eq!(
        place::lost(&room.repo("ann"), &at("lib"), lib).unwrap(),
        [] as [String; 0]
    );
    put(&room, lib).unwrap();
    assert_eq!(state(&room, lib), State::Present);
}
