//! The real program on a repository whose config, attributes and hooks are planted with commands.

use std::{
    fs,
    ops::ControlFlow,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::base::beneath::RelPath;

/// `None` on a machine without it: there is nothing to test then.
fn program() -> Option<Program> {
    Program::find("git").ok()
}

fn go() -> bool {
    false
}

/// A repository in which everything that git would run leaves a mark.
struct Planted {
    dir: tempfile::TempDir,
    repository: Repository,
    first: Oid,
    second: Oid,
}

impl Planted {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut options = RepositoryInitOptions::new();
        options
            .external_template(false)
            .no_dotgit_dir(true)
            .workdir_path(&tree);
        let repository = Repository::init_opts(dir.path().join("repo.git"), &options).unwrap();
        let commit = |text: &str, parents: &[Oid]| {
            fs::write(tree.join("a.txt"), text).unwrap();
            fs::write(tree.join(".gitattributes"), "* filter=x diff=x merge=x\n").unwrap();
            let mut index = repository.index().unwrap();
            index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
            index.write().unwrap();
            let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
            let who = Signature::new("ann", "ann@shop", &Time::new(1_000, 0)).unwrap();
            let parents: Vec<_> = parents
                .iter()
                .map(|id| repository.find_commit(*id).unwrap())
                .collect();
            let parents: Vec<_> = parents.iter().collect();
            repository
                .commit(Some("HEAD"), &who, &who, text, &tree, &parents)
                .unwrap()
        };
        let first = commit("one\n", &[]);
        let second = commit("two\n", &[first]);
        let planted = Self {
            dir,
            repository,
            first,
            second,
        };
        planted.plant();
        planted
    }

    fn mark(&self) -> PathBuf {
        self.dir.path().join("ran")
    }

    fn plant(&self) {
        let script = self.dir.path().join("script");
        executable(
            &script,
            &format!(
                "#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n",
                self.mark().display()
            ),
        );
        let git_dir = self.repository.path();
        let hooks = self.dir.path().join("hooks");
        for dir in [git_dir.join("hooks"), hooks.clone()] {
            fs::create_dir_all(&dir).unwrap();
            for hook in [
                "pre-commit",
                "post-checkout",
                "post-index-change",
                "reference-transaction",
                "pre-auto-gc",
                "fsmonitor-watchman",
                "pre-receive",
                "update",
            ] {
                executable(&dir.join(hook), &fs::read_to_string(&script).unwrap());
            }
        }
        let included = self.dir.path().join("included");
        fs::write(
            &included,
            format!(
                "[alias]\n\tlog = !{0}\n\tversion = !{0}\n[core]\n\tfsmonitor = {0}\n",
                script.display()
            ),
        )
        .unwrap();
        let config = format!(
            "[core]\n\tfsmonitor = {0}\n\thooksPath = {1}\n\tpager = {0}\n\teditor = {0}\n\tsshCommand = {0}\n\taskPass = {0}\n\tgitProxy = {0}\n\
             [diff]\n\texternal = {0}\n[diff \"x\"]\n\ttextconv = {0}\n\tcommand = {0}\n\
             [filter \"x\"]\n\tclean = {0}\n\tsmudge = {0}\n\trequired = true\n[merge \"x\"]\n\tdriver = {0}\n\
             [alias]\n\tlog = !{0}\n\tblame = !{0}\n\tdiff-tree = !{0}\n[credential]\n\thelper = {0}\n[gpg]\n\tprogram = {0}\n\
             [log]\n\tshowSignature = true\n[uploadpack]\n\tpackObjectsHook = {0}\n[pager]\n\tlog = {0}\n\tblame = {0}\n\
             [include]\n\tpath = {2}\n[includeIf \"gitdir:/**\"]\n\tpath = {2}\n",
            script.display(),
            hooks.display(),
            included.display()
        );
        let own = fs::read_to_string(git_dir.join("config")).unwrap();
        fs::write(git_dir.join("config"), own + &config).unwrap();
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nothing_that_is_planted_runs() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let path = RelPath::parse("a.txt").unwrap();
    let (old, new) = (Word::object(planted.first), Word::object(planted.second));
    let bare = || Place::bare(&planted.repository);
    let runs = [
        program
            .command(bare(), "log")
            .flag("-p")
            .flag("--no-ext-diff")
            .flag("--no-textconv")
            .word(new.clone())
            .paths([&path]),
        program
            .command(bare(), "blame")
            .flag("--porcelain")
            .flag("--no-textconv")
            .word(new.clone())
            .paths([&path]),
        program
            .command(bare(), "diff-tree")
            .flag("-p")
            .flag("-r")
            .flag("--no-ext-diff")
            .flag("--no-textconv")
            .word(old)
            .word(new)
            .paths([]),
        program
            .command(bare(), "commit-graph")
            .flag("write")
            .flag("--reachable")
            .flag("--changed-paths"),
        program.command(bare(), "pack-refs").flag("--all"),
    ];
    for run in runs {
        let name = run.name;
        let said = run.output(&go).unwrap();
        assert!(
            !matches!(name, "log" | "blame" | "diff-tree")
                || String::from_utf8_lossy(&said).contains("two"),
            "{name}"
        );
        assert!(
            !planted.mark().exists(),
            "{name}: {}",
            fs::read_to_string(planted.mark()).unwrap()
        );
    }
}

#[test]
fn what_looks_like_an_option_or_a_pattern_is_none() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let bare = || Place::bare(&planted.repository);
    let log = || program.command(bare(), "log").flag("--format=%s");
    let out = planted.dir.path().join("out");
    // Values stay values.
    let said = log()
        .option("--grep=", format!("--output={}", out.display()))
        .word(Word::object(planted.second))
        .paths([])
        .output(&go);
    assert_eq!(said.unwrap(), b"");
    assert!(!out.exists());
    // Paths are names: neither options nor patterns, nor outside files to compare with.
    for odd in ["*", ":(glob)**", ":/", "--output=x"] {
        let path = RelPath::parse(odd).unwrap_or_default();
        if path.is_root() {
            continue;
        }
        let said = log()
            .word(Word::object(planted.second))
            .paths([&path])
            .output(&go)
            .unwrap();
        assert_eq!(said, b"", "{odd}");
    }
    let odd: [&[u8]; 2] = [b"/etc/passwd", b"/etc/group"];
    let said = program
        .command(bare(), "diff")
        .word(Word::object(planted.first))
        .raw_paths(odd)
        .output(&go);
    assert!(
        !matches!(&said, Ok(said) if said.windows(4).any(|w| w == b"root")),
        "{said:?}"
    );
}

#[test]
fn its_environment_is_what_we_say() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let said = program
        .command(Place::tree(&planted.repository), "surroundings")
        .setting("alias.surroundings", "!env")
        .protocols(&["https"])
        .output(&go)
        .unwrap();
    let said = String::from_utf8(said).unwrap();
    let value = |name: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    assert_eq!(value("GIT_CONFIG_NOSYSTEM"), Some("1"));
    assert_eq!(value("GIT_ALLOW_PROTOCOL"), Some("https"));
    assert_eq!(value("HOME"), Some("/nonexistent"));
    assert!(value("GIT_WORK_TREE").is_some_and(|tree| tree.ends_with("/tree/")));
    for name in [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "USER",
        "SSH_AUTH_SOCK",
        "XDG_CONFIG_HOME",
    ] {
        assert_eq!(value(name), None, "{name}");
    }
}

#[test]
fn a_failure_says_why_and_not_where() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let missing = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
    let error = program
        .command(Place::bare(&planted.repository), "log")
        .word(Word::object(missing))
        .paths([])
        .output(&go)
        .unwrap_err();
    let Error::Failed {
        command: "log",
        code: 128,
        said,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert!(said.contains("bad object"), "{said}");
    let nowhere = planted.dir.path().join("nowhere.git");
    let error = program
        .command(Place::of(&nowhere).unwrap(), "log")
        .output(&go)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a git repository"), "{error}");
    assert!(
        !error.contains(planted.dir.path().to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn input_is_taken_and_answers_are_bounded() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let place = || Place::bare(&planted.repository);
    // More than a pipe holds, both ways at once.
    let ids = format!("{}\n", planted.second).repeat(20_000);
    let said = program
        .command(place(), "cat-file")
        .flag("--batch-check")
        .input(ids.clone().into_bytes())
        .output(&go)
        .unwrap();
    assert_eq!(
        said.split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .count(),
        20_000
    );
    let small = Limits {
        answer: 1000,
        ..Limits::default()
    };
    let error = program
        .command(place(), "cat-file")
        .flag("--batch-check")
        .input(ids.into_bytes())
        .limits(small)
        .output(&go);
    assert!(matches!(error, Err(Error::TooMuch { most: 1000, .. })));
    let mut pieces = 0;
    program
        .command(place(), "log")
        .word(Word::object(planted.second))
        .paths([])
        .each(&go, &mut |_| {
            pieces += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(pieces, 1);
}

#[test]
fn stopping_kills_all_that_it_started() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    for timed in [false, true] {
        let seen = std::cell::RefCell::new(Vec::new());
        let time = if timed {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(600)
        };
        let done = program
            .command(Place::bare(&planted.repository), "spawn")
            .setting("alias.spawn", "!sleep 600 & echo $!; wait; :")
            .limits(Limits {
                time,
                ..Limits::default()
            })
            .each(&|| !timed && seen.borrow().ends_with(b"\n"), &mut |piece| {
                seen.borrow_mut().extend_from_slice(piece);
                ControlFlow::Continue(())
            });
        match done {
            Err(Error::TimedOut { seconds: 1, .. }) if timed => {}
            Err(Error::Stopped) if !timed => {}
            other => panic!("{other:?}"),
        }
        let id: u32 = String::from_utf8(seen.into_inner())
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        ended(id);
    }
}

/// Waits until the process is gone, or dead and not yet buried.
fn ended(id: u32) {
    let since = Instant::now();
    while fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z")) {
        assert!(since.elapsed() < Duration::from_secs(20), "{id} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn it_can_be_talked_to() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let place = || Place::bare(&planted.repository);
    let mut running = program
        .command(place(), "upload-pack")
        .flag("--stateless-rpc")
        .flag("--advertise-refs")
        .here()
        .start()
        .unwrap();
    let mut said = Vec::new();
    running
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut said)
        .await
        .unwrap();
    assert!(
        String::from_utf8_lossy(&said).contains(&planted.second.to_string()),
        "{}",
        String::from_utf8_lossy(&said)
    );
    running.end().await.unwrap();

    let mut running = program
        .command(place(), "cat-file")
        .flag("--batch-check")
        .start()
        .unwrap();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(b"HEAD\n").await.unwrap();
    drop(stdin);
    let mut said = String::new();
    running
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    assert!(said.contains("commit"), "{said}");
    running.end().await.unwrap();

    let mut running = program
        .command(place(), "spawn")
        .setting("alias.spawn", "!sleep 600 & echo $!; wait")
        .start()
        .unwrap();
    let mut first = [0; 32];
    let read = running
        .stdout
        .as_mut()
        .unwrap()
        .read(&mut first)
        .await
        .unwrap();
    let id: u32 = String::from_utf8_lossy(&first[..read])
        .trim()
        .parse()
        .unwrap();
    drop(running);
    ended(id);
    assert!(!planted.mark().exists());
}
