//! GitHub Actions workflow files, a strict subset.
//!
//! [`parse`] turns the text of one file into a [`Workflow`] or into the list of everything in it that cannot be
//! run here, each with its place. Nothing is silently ignored: a key is either honoured, or has no effect on a
//! local run by its nature (`on`, `permissions`, `concurrency`), or is a [`Problem`].
//!
//! Syntax: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>

mod graph;
mod job;
mod model;
mod node;
mod read;
mod step;
#[cfg(test)]
mod tests;

use std::fmt;

pub use model::{Condition, Job, RunDefaults, Script, Shell, Step, Vars, Work, Workflow};
pub use node::Position;

/// Largest workflow file that is read, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;
/// Problems reported for one file; a file with more has its first ones fixed first.
const MAX_PROBLEMS: usize = 50;

/// Something in a workflow file that cannot be run, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: Position,
    pub message: String,
}

/// Why a file was refused: never empty, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the file as the caller gave it, relative to the repository.
    pub file: String,
    pub problems: Vec<Problem>,
}

impl Refused {
    /// Each problem as `file:line:col: message`.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.problems
            .iter()
            .map(|problem| format!("{}:{}: {}", self.file, problem.at, problem.message))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, line) in self.lines().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&line)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Reads the workflow in `text`; `file` is only used to name places.
pub fn parse(file: &str, text: &str) -> Result<Workflow, Refused> {
    let refused = |mut problems: Vec<Problem>| {
        problems.sort_by_key(|problem| problem.at);
        problems.truncate(MAX_PROBLEMS);
        Refused {
            file: file.to_owned(),
            problems,
        }
    };
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(refused(vec![Problem {
            at: Position::START,
            message,
        }]));
    }
    let root = node::parse(text).map_err(|problem| refused(vec![problem]))?;
    let mut problems = Vec::new();
    let workflow = read::workflow(&root, &mut problems);
    match workflow {
        Some(workflow) if problems.is_empty() => Ok(workflow),
        _ => Err(refused(problems)),
    }
}
