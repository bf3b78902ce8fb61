//! The `*** Begin Patch` form: no line numbers, hunks are found by what they say.

use super::{Action, Change, FilePatch, Hunk, HunkLine, NoPatch};

pub(super) const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const END_OF_FILE: &str = "*** End of File";

/// Reads the patch whose first line is `lines[first]`.
pub(super) fn parse(lines: &[&str], first: usize) -> Result<Vec<FilePatch>, NoPatch> {
    let mut files: Vec<FilePatch> = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(first + 1) {
        let (number, line) = (at + 1, line.strip_suffix('\r').unwrap_or(line));
        if line.trim() == END {
            return finish(files, number);
        }
        if let Some(file) = header(line) {
            files.push(file);
            continue;
        }
        let Some(file) = files.last_mut() else {
            let what = "*** Add File:, *** Update File: or *** Delete File: must come first";
            return Err(NoPatch::at(number, what));
        };
        match &mut file.action {
            Action::Add { content, .. } => {
                let text = line.strip_prefix('+').ok_or_else(|| {
                    NoPatch::at(number, "every line of an added file starts with +")
                })?;
                content.push_str(text);
                content.push('\n');
            }
            Action::Delete { .. } if line.trim().is_empty() => {}
            Action::Delete { .. } => {
                return Err(NoPatch::at(number, "a deleted file has no lines"));
            }
            Action::Update { to, hunks, .. } => {
                if let Some(name) = line.strip_prefix("*** Move to: ") {
                    *to = Some(name.trim().to_owned());
                } else {
                    take(hunks, line, number)?;
                }
            }
        }
    }
    Err(NoPatch::at(lines.len(), "*** End Patch is missing"))
}

fn header(line: &str) -> Option<FilePatch> {
    let (name, action) = if let Some(name) = line.strip_prefix("*** Add File: ") {
        let action = Action::Add {
            content: String::new(),
            executable: false,
        };
        (name, action)
    } else if let Some(name) = line.strip_prefix("*** Delete File: ") {
        (name, Action::Delete { hunks: Vec::new() })
    } else {
        let action = Action::Update {
            to: None,
            hunks: Vec::new(),
            executable: None,
        };
        (line.strip_prefix("*** Update File: ")?, action)
    };
    Some(FilePatch {
        path: name.trim().to_owned(),
        action,
    })
}

/// One line of an updated file.
fn take(hunks: &mut Vec<Hunk>, line: &str, number: usize) -> Result<(), NoPatch> {
    if line == END_OF_FILE {
        if let Some(hunk) = hunks.last_mut() {
            hunk.at_end = true;
        }
        return Ok(());
    }
    if let Some(anchor) = line.strip_prefix("@@") {
        // Several in a row narrow down where one hunk is.
        if hunks.last().is_none_or(|hunk| !hunk.lines.is_empty()) {
            hunks.push(Hunk {
                patch_line: number,
                ..Hunk::default()
            });
        }
        let anchor = anchor.strip_prefix(' ').unwrap_or(anchor);
        if let Some(hunk) = hunks.last_mut()
            && !anchor.trim().is_empty()
        {
            hunk.anchors.push(anchor.to_owned());
        }
        return Ok(());
    }
    let change = match line.bytes().next() {
        Some(b' ') | None => Change::Context,
        Some(b'-') => Change::Remove,
        Some(b'+') => Change::Insert,
        _ => {
            let what = "a line of a hunk starts with a space, - or +, and a hunk with @@";
            return Err(NoPatch::at(number, what));
        }
    };
    if hunks.is_empty() {
        hunks.push(Hunk {
            patch_line: number,
            ..Hunk::default()
        });
    }
    if let Some(hunk) = hunks.last_mut() {
        hunk.lines.push(HunkLine {
            change,
            text: line
                .strip_prefix([' ', '-', '+'])
                .unwrap_or(line)
                .to_owned(),
            end: None,
        });
    }
    Ok(())
}

fn finish(files: Vec<FilePatch>, number: usize) -> Result<Vec<FilePatch>, NoPatch> {
    for file in &files {
        if let Action::Update { to, hunks, .. } = &file.action {
            let changes = |hunk: &Hunk| hunk.lines.iter().any(|l| l.change != Change::Context);
            if let Some(idle) = hunks.iter().find(|hunk| !changes(hunk)) {
                return Err(NoPatch::at(idle.patch_line, "the hunk changes nothing"));
            }
            if hunks.is_empty() && to.is_none() {
                let what = format!("nothing is changed in {}", file.path);
                return Err(NoPatch::at(number, what));
            }
        }
    }
    Ok(files)
}
