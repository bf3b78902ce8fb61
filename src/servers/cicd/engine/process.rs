//! The one home of process spawning.
//!
//! A step is not a child of the server but of a supervisor, a tiny second process of the same executable (see
//! [`super::supervisor`]). The server holds one end of a socket whose other end is the supervisor's standard input:
//! the order goes down, the result comes up, and closing it, however the server ends, kills the step's whole tree.
#![allow(
    clippy::disallowed_methods,
    reason = "every process of the program is started here"
)]

use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream, unix::process::CommandExt},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::pipe},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{log::LogWriter, process_tree, workflow::Vars};

/// Variable that every process of a step inherits, so that it can be found after the supervisor is gone.
pub const MARK: &str = "SYNDARIX_STEP";
/// Hidden command of the executable that runs [`super::supervisor::main`].
pub const SUPERVISE: &str = "supervise-step";
/// How long the supervisor may take to clear the tree before it is itself killed.
const CLEARING: Duration = Duration::from_secs(15);
/// How long output is still read after the tree is gone: only a process outside it can hold the pipe then.
const DRAINING: Duration = Duration::from_secs(2);

/// How the supervisor is started.
#[derive(Debug, Clone)]
pub struct Supervisor {
    pub program: PathBuf,
    pub args: Vec<String>,
}

impl Default for Supervisor {
    /// This executable, by the link that stays right when the file on disk is replaced.
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![SUPERVISE.to_owned()],
        }
    }
}

/// What to run: sent to the supervisor as one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub program: String,
    pub args: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: Vars,
    pub directory: PathBuf,
}

/// How the main process of a step ended: the supervisor's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Exited(i32),
    Signalled(i32),
    /// It could not be started, or nobody knows how it ended.
    Lost(String),
}

/// What stopped a step from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    TimedOut,
}

/// Runs one order to its end and its whole tree into the ground; both output streams go to `log`, interleaved.
///
/// Dropping the future kills the tree too.
pub async fn run(
    supervisor: &Supervisor,
    order: &Order,
    log: &mut LogWriter,
    deadline: Instant,
    cancel: &CancellationToken,
) -> io::Result<(End, Option<Stopped>)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut control = UnixStream::from_std(ours)?;
    let (output, sink) = io::pipe()?;
    let mut output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;

    let mut child = tokio::process::Command::new(&supervisor.program)
        .args(&supervisor.args)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(sink.try_clone()?))
        .stderr(Stdio::from(sink))
        .spawn()?;
    let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
    line.push(b'\n');
    control.write_all(&line).await?;

    let mut stopped = None;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let (mut open, mut limit) = (true, deadline);
    loop {
        tokio::select! {
            read = output.read(&mut buffer), if open => match read? {
                0 => open = false,
                n => log.write(buffer.get(..n).unwrap_or_default())?,
            },
            read = control.read_buf(&mut answer) => {
                if read.unwrap_or(0) == 0 { break; }
            }
            () = cancel.cancelled(), if stopped.is_none() => {
                stopped = Some(Stopped::Cancelled);
                limit = Instant::now() + CLEARING;
                let _ = control.shutdown().await;
            }
            () = sleep_until(limit) => {
                if stopped.is_some() { break; }
                stopped = Some(Stopped::TimedOut);
                limit = Instant::now() + CLEARING;
                let _ = control.shutdown().await;
            }
        }
    }
    drop(control);
    let end = serde_json::from_slice(&answer).ok();
    if end.is_none() {
        // The supervisor died or hangs, so nothing can be relied on but the mark.
        let _ = child.start_kill();
        if let Some(mark) = order.env.get(MARK).cloned() {
            let _ = tokio::task::spawn_blocking(move || kill_marked(MARK, &mark)).await;
        }
    }
    let _ = tokio::time::timeout(CLEARING, child.wait()).await;
    let drained = Instant::now() + DRAINING;
    while open {
        tokio::select! {
            read = output.read(&mut buffer) => match read? {
                0 => open = false,
                n => log.write(buffer.get(..n).unwrap_or_default())?,
            },
            () = sleep_until(drained) => open = false,
        }
    }
    Ok((
        end.unwrap_or_else(|| End::Lost("its supervisor was killed".to_owned())),
        stopped,
    ))
}

/// Kills every process that was started with the variable `name=value`, until none is found; gives up after a while.
pub fn kill_marked(name: &str, value: &str) {
    for _ in 0..200 {
        match process_tree::marked(name, value) {
            Ok(found) if !found.is_empty() => found.into_iter().for_each(process_tree::kill),
            _ => return,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// In the supervisor: starts the second stage, which becomes the step.
pub fn start_stage(order: &Order) -> io::Result<i32> {
    let child = Command::new("/proc/self/exe")
        .args([
            SUPERVISE,
            "--become",
            &std::process::id().to_string(),
            &order.program,
        ])
        .args(&order.args)
        .env_clear()
        .envs(&order.env)
        .current_dir(&order.directory)
        .stdin(Stdio::null())
        .spawn()?;
    Ok(child.id().cast_signed())
}

/// In the second stage: replaces this process by the step; returns only if that fails.
pub fn become_program(program: &OsString, args: &[OsString]) -> io::Error {
    Command::new(program).args(args).exec()
}
