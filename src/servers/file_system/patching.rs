//! From a patch to checked changes of files.

use std::collections::{BTreeMap, BTreeSet};

use rustix::fs::RawMode;
use serde_json::json;

use super::{
    check_version, content_at,
    engine::{
        batch::Step,
        etag,
        patch::{self, Action, Done, FilePatch, Hunk, Line, Misfit},
        text::{self, Encoding, Text},
    },
    fault, file_path_at,
};
use crate::{
    base::beneath::{Beneath, Error, RelPath},
    tool::prelude::*,
};

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Most bytes of all files of a patch, old and new.
const MOST: u64 = 24 << 20;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Verb {
    Added,
    Updated,
    Moved,
    Deleted,
}

/// One file of the patch, checked.
pub struct Planned {
    pub path: RelPath,
    pub verb: Verb,
    pub moved_from: Option<RelPath>,
    /// Unless it is deleted.
    pub content: Option<Vec<u8>>,
    pub hunks: Vec<Done>,
    pub steps: Vec<Step>,
}

/// Checks the whole patch against the files, and changes nothing.
pub(super) fn plan(
    files: &Beneath,
    wanted: Vec<FilePatch>,
    if_match: &BTreeMap<String, String>,
    most: u64,
    stop: &Stop,
) -> Result<Vec<Planned>, ToolError> {
    let mut planner = Planner {
        files,
        if_match,
        most,
        read: 0,
        named: BTreeSet::new(),
    };
    let mut planned = Vec::with_capacity(wanted.len());
    for file in wanted {
        stop.check()?;
        planned.push(planner.file(file)?);
    }
    if let Some(other) = if_match.keys().find(|path| !planner.named.contains(*path)) {
        return Err(ToolError::invalid(
            "/if_match",
            format!("names {other}, which the patch does not touch"),
        ));
    }
    Ok(planned)
}

struct Planner<'p> {
    files: &'p Beneath,
    if_match: &'p BTreeMap<String, String>,
    most: u64,
    read: u64,
    named: BTreeSet<String>,
}

impl Planner<'_> {
    fn file(&mut self, patch: FilePatch) -> Result<Planned, ToolError> {
        let path = self.name(&patch.path)?;
        match patch.action {
            Action::Add {
                content,
                executable,
            } => self.add(path, content.into_bytes(), executable),
            Action::Delete { hunks } => self.delete(path, &hunks),
            Action::Update {
                to,
                hunks,
                executable,
            } => {
                let to = to.map(|to| self.name(&to)).transpose()?;
                self.update(path, to, &hunks, executable)
            }
        }
    }

    /// A path that the patch names for the first time.
    fn name(&mut self, text: &str) -> Result<RelPath, ToolError> {
        let path = file_path_at("/patch", text)?;
        if self.named.insert(path.to_string()) {
            return Ok(path);
        }
        Err(ToolError::invalid(
            "/patch",
            format!("changes {path} twice: put its hunks under one header"),
        ))
    }

    fn free(&self, path: &RelPath) -> Result<(), ToolError> {
        match self.files.kind(path) {
            Err(Error::NotFound) => Ok(()),
            Err(error) => Err(fault::at("/patch", self.files, path, error)),
            Ok(_) => Err(ToolError::conflict(format!("{path} exists already"))
                .hint("the patch adds it or moves a file there; nothing was changed")),
        }
    }

    fn add(&self, path: RelPath, content: Vec<u8>, executable: bool) -> Result<Planned, ToolError> {
        self.free(&path)?;
        check_version(&path, self.wanted(&path), None)?;
        let step = Step::Create {
            path: path.clone(),
            content: content.clone(),
            mode: executable.then_some(0o755),
        };
        Ok(Planned {
            path,
            verb: Verb::Added,
            moved_from: None,
            content: Some(content),
            hunks: Vec::new(),
            steps: vec![step],
        })
    }

    fn delete(&mut self, path: RelPath, hunks: &[Hunk]) -> Result<Planned, ToolError> {
        if hunks.is_empty() {
            let refused = |error| fault::at("/patch", self.files, &path, error);
            self.files.file(&path).map_err(refused)?;
            if self.wanted(&path).is_some() {
                self.old(&path)?;
            }
        } else {
            let (old, _) = self.old(&path)?;
            let (new, _) = patched(&path, &old, hunks)?;
            if !new.is_empty() {
                return Err(ToolError::invalid(
                    "/patch",
                    format!(
                        "deletes {path}, which has lines that the patch does not have; nothing was changed"
                    ),
                ));
            }
        }
        let step = Step::Delete { path: path.clone() };
        Ok(Planned {
            path,
            verb: Verb::Deleted,
            moved_from: None,
            content: None,
            hunks: Vec::new(),
            steps: vec![step],
        })
    }

    fn update(
        &mut self,
        path: RelPath,
        to: Option<RelPath>,
        hunks: &[Hunk],
        executable: Option<bool>,
    ) -> Result<Planned, ToolError> {
        let (old, old_mode) = self.old(&path)?;
        let (new, done) = if hunks.is_empty() {
            (old.clone(), Vec::new())
        } else {
            patched(&path, &old, hunks)?
        };
        if new.len() as u64 > self.most {
            let most = self.most;
            return Err(ToolError::too_large(format!(
                "{path} would be larger than {most} bytes"
            )));
        }
        self.count(new.len())?;
        let mut steps = Vec::new();
        let target = to.clone().unwrap_or_else(|| path.clone());
        if let Some(to) = to.clone() {
            self.free(&to)?;
            steps.push(Step::Move {
                from: path.clone(),
                to,
            });
        }
        if new != old || executable.is_some() {
            steps.push(Step::Replace {
                path: target.clone(),
                old,
                old_mode,
                content: new.clone(),
                mode: executable.map(|executable| with_execution(old_mode, executable)),
            });
        }
        Ok(Planned {
            path: target,
            verb: if to.is_some() {
                Verb::Moved
            } else {
                Verb::Updated
            },
            moved_from: to.map(|_| path),
            content: Some(new),
            hunks: done,
            steps,
        })
    }

    fn wanted(&self, path: &RelPath) -> Option<&str> {
        self.if_match.get(path.as_str()).map(String::as_str)
    }

    /// A file's content and mode, of the version that the caller wants.
    fn old(&mut self, path: &RelPath) -> Result<(Vec<u8>, RawMode), ToolError> {
        let refused = |error| fault::at("/patch", self.files, path, error);
        let old = content_at("/patch", self.files, path, self.most)?
            .ok_or_else(|| refused(Error::NotFound))?;
        let mode = self.files.metadata(path).map_err(refused)?.st_mode;
        check_version(path, self.wanted(path), Some(&etag::of(&old)))?;
        self.count(old.len())?;
        Ok((old, mode as RawMode))
    }

    fn count(&mut self, bytes: usize) -> Result<(), ToolError> {
        self.read += bytes as u64;
        if self.read > MOST {
            return Err(ToolError::too_large(format!(
                "the patch's files are larger than {MOST} bytes together"
            ))
            .hint("split the patch"));
        }
        Ok(())
    }
}

/// The content after the hunks, in the file's own encoding.
fn patched(path: &RelPath, old: &[u8], hunks: &[Hunk]) -> Result<(Vec<u8>, Vec<Done>), ToolError> {
    let wrong = |error| fault::of_text("/patch", path, &error);
    let mut text = Text::decode(old, None).map_err(wrong)?;
    let says_mark = |hunk: &Hunk| hunk.lines.iter().any(|line| line.text.starts_with(MARK));
    if text.encoding == Encoding::Utf8Bom && hunks.iter().any(says_mark) {
        // As git writes it: the byte order mark is part of the first line, and the patch may change it.
        text.encoding = Encoding::Utf8;
        text.body.insert(0, MARK);
    }
    let applied = patch::apply(&Line::split(&text.body), hunks);
    let (lines, done) = applied.map_err(|misfit| refusal(path.as_str(), hunks, misfit))?;
    let new = text.encode(&Line::join(&lines)).map_err(wrong)?;
    // A file without text has no byte order mark either.
    Ok((if lines.is_empty() { Vec::new() } else { new }, done))
}

/// `mode` with or without the right to execute, for whoever may read.
fn with_execution(mode: RawMode, executable: bool) -> RawMode {
    if executable {
        mode | (mode & 0o444) >> 2
    } else {
        mode & !0o111
    }
}

/// Says which hunk it was, why, and how to make it fit.
fn refusal(path: &str, hunks: &[Hunk], misfit: Misfit) -> ToolError {
    let (index, what, details) = match misfit {
        Misfit::NotFound { hunk, near: None } => (
            hunk,
            "its old lines are not in the file, nor anything like them: read the file again"
                .to_owned(),
            json!({}),
        ),
        Misfit::NotFound {
            hunk,
            near: Some(near),
        } => {
            let text = text::shown(&near.text);
            (
                hunk,
                format!(
                    "its old lines are not in the file. The nearest is at line {} ({} % alike):\n{text}",
                    near.line, near.percent
                ),
                json!({ "line": near.line, "percent": near.percent, "text": text }),
            )
        }
        Misfit::Ambiguous { hunk, lines } => (
            hunk,
            format!(
                "its old lines are in several places, at lines {lines:?}: give more context, or an @@ line before it"
            ),
            json!({ "lines": lines }),
        ),
        Misfit::NoAnchor { hunk, anchor } => (
            hunk,
            format!("there is no line {anchor:?}, which its @@ names, after the hunk before"),
            json!({}),
        ),
        Misfit::NoPlace { hunk } => (
            hunk,
            "it has no old lines to be found by: give context, an @@ line, or *** End of File"
                .to_owned(),
            json!({}),
        ),
    };
    let patch_line = hunks.get(index).map_or(0, |hunk| hunk.patch_line);
    let mut details = details;
    if let Some(map) = details.as_object_mut() {
        map.insert("path".into(), path.into());
        map.insert("hunk".into(), (index + 1).into());
    }
    ToolError::invalid(
        "/patch",
        format!(
            "hunk {} of {path} (line {patch_line} of the patch): {what}; nothing was changed",
            index + 1
        ),
    )
    .details(details)
}
