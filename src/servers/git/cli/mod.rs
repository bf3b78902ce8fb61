//! The git program, run with nothing of its surroundings.
//!
//! libgit2 does most of the work and needs no process. The program is there for what libgit2 is slow at (blame, the log
//! of a path, renames) or lacks (remotes, serving clones, upkeep). What it is told is built of words that cannot be
//! taken for something else; what the machine, its user, the repository's config or its files say about hooks, drivers
//! and commands does not apply to it.

mod command;
mod environment;
mod program;
mod run;
mod scrub;
mod stream;
mod word;

#[cfg(test)]
mod tests;

use std::io;

pub use command::{Command, Limits, Place};
pub use program::{Missing, Program, locate};
pub use stream::Running;
pub use word::{BadWord, Word};

/// Why a run of the program has no answer. No variant holds an absolute path or a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could not be started, or its pipes broke.
    #[error("the git program could not be run")]
    Start(#[source] io::Error),
    /// It ended with a failure.
    #[error("git {command} failed ({code}): {said}")]
    Failed {
        command: &'static str,
        /// Its exit code; 128 plus the signal's number when it was killed.
        code: i32,
        /// What it wrote to standard error, scrubbed.
        said: String,
    },
    /// It was killed because it took too long.
    #[error("git {command} took longer than {seconds} s")]
    TimedOut { command: &'static str, seconds: u64 },
    /// It was killed because it answered too much.
    #[error("git {command} answered more than {most} bytes")]
    TooMuch { command: &'static str, most: usize },
    /// It was killed because the call ended.
    #[error("stopped")]
    Stopped,
}
