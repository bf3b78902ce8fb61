//! `syndarix supervise-step`: a process between the server and a step, so that no descendant of the step survives.
//!
//! As a child subreaper it inherits every orphan of the step, daemons and `setsid` children included, and so can
//! kill what a process group cannot reach. It does so when the step's main process ends, when its standard input (a
//! socket held by the server) closes — on cancellation, timeout, or the death of the server — and is done when it has no
//! child left: then there is no descendant either.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, getpid, getppid, set_child_subreaper,
        set_parent_process_death_signal, setsid, wait,
    },
};

use super::{
    process::{self, End, Order},
    process_tree,
};

/// How long to go on killing; a tree that forks faster than it dies is given up and reported.
const PATIENCE: Duration = Duration::from_secs(10);

/// Body of the hidden command, with the arguments after its name; returns the exit status.
pub fn main(args: &[OsString]) -> i32 {
    match args {
        [flag, parent, program, rest @ ..] if flag == "--become" => {
            become_step(parent, program, rest)
        }
        [] => supervise().map_or(1, |()| 0),
        _ => 2,
    }
}

/// The second stage: a session of its own, dying with the supervisor, then the step itself.
fn become_step(parent: &OsString, program: &OsString, args: &[OsString]) -> i32 {
    let _ = setsid();
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let expected = parent
        .to_str()
        .and_then(|text| text.parse().ok())
        .and_then(Pid::from_raw);
    if getppid() != expected {
        return 1; // The supervisor was gone before the signal was armed.
    }
    let error = process::become_program(program, args);
    let _ = writeln!(
        io::stderr(),
        "{} cannot be started: {error}",
        program.display()
    );
    127
}

fn supervise() -> io::Result<()> {
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = BufReader::new(control.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;

    set_child_subreaper(Some(getpid()))?;
    let done = Arc::new(AtomicBool::new(false));
    let end = match process::start_stage(&order) {
        Err(error) => End::Lost(format!("it could not be started: {error}")),
        Ok(main) => {
            let watched = Arc::clone(&done);
            thread::spawn(move || kill_on_close(reader, &watched));
            wait_for(main)
        }
    };
    done.store(true, Ordering::Release);
    let cleared = clear();
    let end = if cleared {
        end
    } else {
        End::Lost("some of its processes would not die".to_owned())
    };
    control.write_all(&serde_json::to_vec(&end)?)
}

fn kill_on_close(mut control: BufReader<UnixStream>, done: &AtomicBool) {
    let mut byte = [0];
    while matches!(control.read(&mut byte), Ok(1..)) {}
    while !done.load(Ordering::Acquire) {
        kill_descendants();
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reaps until the main process is among the dead.
fn wait_for(main: i32) -> End {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == main => {
                return match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => End::Exited(code),
                    (_, Some(signal)) => End::Signalled(signal),
                    _ => End::Lost("its status is unknown".to_owned()),
                };
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return End::Lost(format!("its status is lost: {error}")),
        }
    }
}

/// Kills and reaps until no child is left. An orphan becomes a child, so no child means no descendant.
fn clear() -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return true,
            Ok(Some(_)) => {}
            _ => {
                kill_descendants();
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    false
}

fn kill_descendants() {
    let own = getpid().as_raw_nonzero().get();
    if let Ok(all) = process_tree::all() {
        process_tree::descendants(own, &all)
            .into_iter()
            .for_each(process_tree::kill);
    }
}
