//! How runs end, and how they are talked to.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

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
