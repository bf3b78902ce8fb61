//! Patches: unified diffs as `git diff` and `diff -u` write them, and the `*** Begin Patch` form of coding agents.

mod apply;
mod begin;
mod lines;
mod unified;

#[cfg(test)]
mod tests;

pub use apply::{Done, Ignored, Misfit, apply};
pub use lines::{End, Line};

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// The file, as the patch names it.
    pub path: String,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Add {
        content: String,
        executable: bool,
    },
    /// With hunks, which must then be the whole file; without, whatever it holds.
    Delete {
        hunks: Vec<Hunk>,
    },
    Update {
        /// Its new path.
        to: Option<String>,
        hunks: Vec<Hunk>,
        /// Its new mode.
        executable: Option<bool>,
    },
}

/// Lines to be found, and what to make of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hunk {
    /// The line of the patch where it starts, from 1.
    pub patch_line: usize,
    /// Where its first line is in the old file, from 0, if the patch says so.
    pub at: Option<usize>,
    /// Lines that come somewhere before it, one after the other.
    pub anchors: Vec<String>,
    pub lines: Vec<HunkLine>,
    /// It ends with the file.
    pub at_end: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HunkLine {
    pub change: Change,
    pub text: String,
    /// How the line ends, where the patch says so.
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Context,
    Remove,
    Insert,
}

/// Why a text is no patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the patch: {what}")]
pub struct NoPatch {
    /// From 1.
    pub line: usize,
    pub what: String,
}

impl NoPatch {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

/// Reads a patch of either form.
pub fn parse(text: &str) -> Result<Vec<FilePatch>, NoPatch> {
    let lines: Vec<&str> = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .collect();
    let first = lines.iter().position(|line| !line.trim().is_empty());
    let files = match first {
        Some(first)
            if lines
                .get(first)
                .is_some_and(|line| line.trim() == begin::BEGIN) =>
        {
            begin::parse(&lines, first)?
        }
        _ => unified::parse(&lines)?,
    };
    if files.is_empty() {
        let what = "it changes no file: give a unified diff (---, +++, @@) or *** Begin Patch";
        return Err(NoPatch::at(1, what));
    }
    Ok(files)
}
