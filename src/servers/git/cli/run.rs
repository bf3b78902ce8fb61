//! Running the program to its end, on a thread that may block.

use std::{
    io::{self, Read as _, Write as _},
    ops::ControlFlow,
    os::{fd::AsFd, unix::process::ExitStatusExt as _},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
    process::{Pid, Signal},
};

use super::{Command, Error, scrub};

/// How often a run that says nothing is looked at.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

impl Command {
    /// Runs it and returns its whole answer.
    pub fn output(self, stop: &dyn Fn() -> bool) -> Result<Vec<u8>, Error> {
        let mut answer = Vec::new();
        let (most, command) = (self.limits.answer, self.name);
        let mut full = false;
        self.each(stop, &mut |piece| {
            full = answer.len() + piece.len() > most;
            if full {
                return ControlFlow::Break(());
            }
            answer.extend_from_slice(piece);
            ControlFlow::Continue(())
        })?;
        if full {
            return Err(Error::TooMuch { command, most });
        }
        Ok(answer)
    }

    /// Runs it and hands over its answer as it comes. Breaking ends the run without an error.
    pub fn each(
        self,
        stop: &dyn Fn() -> bool,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let child = self
            .process()
            .stdin(if self.input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::Start)?;
        let mut group = Group {
            child,
            ended: false,
        };
        let mut pipes = Pipes::of(&mut group.child, &self.input).map_err(Error::Start)?;
        let began = Instant::now();
        let check = || {
            if stop() {
                return Err(Error::Stopped);
            }
            if began.elapsed() > self.limits.time {
                return Err(Error::TimedOut {
                    command: self.name,
                    seconds: self.limits.time.as_secs(),
                });
            }
            Ok(())
        };
        while pipes.open() {
            check()?;
            pipes.wait().map_err(Error::Start)?;
            if pipes.pass(take).map_err(Error::Start)?.is_break() {
                return Ok(());
            }
        }
        let status = loop {
            if let Some(status) = group.child.try_wait().map_err(Error::Start)? {
                break status;
            }
            check()?;
            std::thread::sleep(Duration::from_millis(1));
        };
        group.ended = true;
        if status.success() {
            return Ok(());
        }
        Err(self.failed(status, &pipes.said))
    }

    pub(super) fn failed(&self, status: ExitStatus, said: &[u8]) -> Error {
        let known = [
            Some(self.place.git_dir.as_path()),
            self.place.work_tree.as_deref(),
        ];
        Error::Failed {
            command: self.name,
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            said: scrub::clean(said, known.into_iter().flatten()),
        }
    }
}

/// Kills the process and all that it started, unless it ended by itself.
struct Group {
    child: Child,
    ended: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            kill(self.child.id());
            let _ = self.child.wait();
        }
    }
}

/// Kills the process group that the process `id` leads.
pub(super) fn kill(id: u32) {
    if let Some(group) = Pid::from_raw(id.cast_signed()) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

/// The three streams, none of which may wait for another.
struct Pipes<'i> {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    input: &'i [u8],
    said: Vec<u8>,
    buffer: Vec<u8>,
}

impl<'i> Pipes<'i> {
    fn of(child: &mut Child, input: &'i [u8]) -> io::Result<Self> {
        let pipes = Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            input,
            said: Vec::new(),
            buffer: vec![0; 64 << 10],
        };
        for fd in pipes.fds() {
            let flags = rustix::fs::fcntl_getfl(fd)?;
            rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
        }
        Ok(pipes)
    }

    fn fds(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        let all = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        all.into_iter().flatten().collect()
    }

    fn open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    fn wait(&self) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
        for (fd, wanted) in [
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
            (self.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ] {
            fds.extend(fd.map(|fd| PollFd::from_borrowed_fd(fd, wanted)));
        }
        match poll(&mut fds, Some(&TICK)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// Moves what can be moved now.
    fn pass(
        &mut self,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        if let Some(stdin) = &mut self.stdin
            && let Some(written) = ready(stdin.write(self.input))?
        {
            self.input = self.input.get(written..).unwrap_or_default();
        }
        if self.input.is_empty() {
            self.stdin = None;
        }
        if let Some(stderr) = &mut self.stderr
            && let Some(read) = ready(stderr.read(&mut self.buffer))?
        {
            let room = (2 * scrub::MOST).saturating_sub(self.said.len());
            let piece = self.buffer.get(..read.min(room)).unwrap_or_default();
            self.said.extend_from_slice(piece);
            if read == 0 {
                self.stderr = None;
            }
        }
        if let Some(stdout) = &mut self.stdout
            && let Some(read) = ready(stdout.read(&mut self.buffer))?
        {
            if read == 0 {
                self.stdout = None;
            } else {
                return Ok(take(self.buffer.get(..read).unwrap_or_default()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// `None` when it would have to wait. A program that does not want its input is no error.
fn ready(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(count) => Ok(Some(count)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            io::ErrorKind::BrokenPipe => Ok(Some(usize::MAX)),
            _ => Err(error),
        },
    }
}
