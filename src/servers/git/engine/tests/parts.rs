//! A worktree that holds a part of its repository comes to the same commits as one that holds all.

use proptest::prelude::*;

use super::*;
use crate::project::workspace::sparse::Cone;
use integrate::{FastForward, Outcome, Work};
use reset::Mode;

const PATHS: [&str; 6] = ["in/a", "in/b/c", "top", "out/a", "out/b/c", "out/new"];
/// Of those the ones that are held.
const HELD: usize = 3;
/// The ones that are there at first.
const FIRST: usize = 5;

#[derive(Debug, Clone)]
enum Step {
    Write(usize, u8),
    Remove(usize),
    Add,
    Commit,
    Branch(u8),
    Checkout(u8, bool),
    Merge(u8),
    Push(bool),
    Pop,
    Reset(u8, Mode),
    Restore(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let branch = 0..3u8;
    let mode = prop_oneof![Just(Mode::Soft), Just(Mode::Mixed), Just(Mode::Hard)];
    prop_oneof![
        6 => (0..PATHS.len(), 0..3u8).prop_map(|(path, text)| Step::Write(path, text)),
        1 => (0..HELD).prop_map(Step::Remove),
        4 => Just(Step::Add),
        4 => Just(Step::Commit),
        2 => branch.clone().prop_map(Step::Branch),
        3 => (branch.clone(), any::<bool>()).prop_map(|(to, force)| Step::Checkout(to, force)),
        3 => branch.clone().prop_map(Step::Merge),
        1 => any::<bool>().prop_map(Step::Push),
        1 => Just(Step::Pop),
        2 => (branch, mode).prop_map(|(to, mode)| Step::Reset(to, mode)),
        1 => (0..PATHS.len()).prop_map(Step::Restore),
    ]
}

/// Does it as a tool would; whether it was done.
fn take(room: &Room, step: &Step) -> Result<bool, Error> {
    let (mut repo, id) = (room.repo("ann"), Room::id("ann"));
    let files = room.spaces.files(&id)?;
    let who = Who {
        name: "ann".into(),
        email: "ann@shop".into(),
        now: 1_000_000,
    };
    sparse::settle(&repo, true)?;
    let done = match step {
        Step::Write(path, text) => {
            room.write(PATHS[*path], format!("{text}\n"));
            Ok(())
        }
        Step::Remove(path) => {
            let _ = std::fs::remove_file(room.root("ann").join(PATHS[*path]));
            Ok(())
        }
        Step::Add => room.add(&["."]).map(drop),
        Step::Commit => room.commit("x").map(drop),
        Step::Branch(name) => branch::create(&repo, &format!("b{name}"), None, &ann()).map(drop),
        Step::Checkout(name, force) => {
            branch::checkout(&repo, &format!("b{name}"), &ann(), *force).map(drop)
        }
        Step::Merge(name) => merge(&repo, &files, &who, &format!("b{name}")),
        Step::Push(untracked) => stash::push(&mut repo, &files, &who, None, *untracked).map(drop),
        Step::Pop => stash::apply(&mut repo, &files, &who, 0, false).map(drop),
        Step::Reset(name, mode) => match name::commit(&repo, &format!("b{name}")) {
            Ok(target) => reset::reset(&repo, &target, *mode),
            Err(error) => Err(error),
        },
        Step::Restore(path) => {
            let path = RelPath::parse(PATHS[*path]).unwrap();
            reset::restore_files(&repo, &files, None, &[path]).map(drop)
        }
    };
    sparse::settle(&room.repo("ann"), true)?;
    // What is refused is so for a reason of its own.
    match done {
        Err(error @ (Error::Git(_) | Error::Io(_))) => Err(error),
        done => Ok(done.is_ok()),
    }
}

/// Merges; of a conflict it takes their side.
fn merge(repo: &Repository, files: &Beneath, who: &Who, from: &str) -> Result<(), Error> {
    let work = Work {
        repository: repo,
        files,
        who,
        stop: &go,
    };
    let theirs = name::commit(repo, from)?;
    let merged = integrate::merge(&work, &theirs, from, None, FastForward::Auto, false)?;
    if let Outcome::Conflicted { conflicts, .. } = merged {
        for conflict in conflicts {
            let path = RelPath::parse(&conflict.path).unwrap();
            integrate::resolve(repo, files, &path, &integrate::Resolution::Theirs)?;
        }
        integrate::proceed(&work, integrate::Kind::Merge, None)?;
    }
    sparse::tidy(repo)
}

/// A room whose agent holds all, and one whose agent holds a part of the same.
fn rooms() -> [Room; 2] {
    [false, true].map(|part| {
        let room = Room::new();
        for path in &PATHS[..FIRST] {
            room.write(path, "0\n");
        }
        room.add(&["."]).unwrap();
        room.commit("x").unwrap();
        let repo = room.repo("ann");
        branch::create(&repo, "b0", None, &ann()).unwrap();
        if part {
            let directories = [RelPath::parse("in").unwrap()];
            Cone::new(&directories).unwrap().write(&repo).unwrap();
            room.spaces.remove_worktree(&Room::id("ann")).unwrap();
        }
        room
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_part_comes_to_the_same_commits_as_all(steps in prop::collection::vec(step(), 1..25)) {
        let rooms = rooms();
        for (n, step) in steps.iter().enumerate() {
            let done = rooms.each_ref().map(|room| take(room, step).unwrap());
            let seen = rooms.each_ref().map(|room| {
                let repo = room.repo("ann");
                let head = repo.head().unwrap();
                let name = head.name().unwrap().to_owned();
                (name, head.target(), status::status(&repo, &[], true).unwrap())
            });
            prop_assert_eq!(done[0], done[1], "{}: {:?}", n, step);
            prop_assert_eq!(&seen[0], &seen[1], "{}: {:?}", n, step);
        }
        // All that is there by right is the same.
        let texts = rooms.each_ref().map(|room| {
            let read = |path: &&str| std::fs::read(room.root("ann").join(path)).ok();
            PATHS[..HELD].iter().map(read).collect::<Vec<_>>()
        });
        prop_assert_eq!(&texts[0], &texts[1]);
    }
}
