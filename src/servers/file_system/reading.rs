//! Reading text: for the tools that show files.

use std::fs::File;
use std::io::{Cursor, Read, Seek};

use super::{
    engine::{
        newline::LineEnding,
        text::{self, Encoding, Invalid, Text},
        window::{self, Budget, Survey, Taken, Wanted},
    },
    fault,
};
use crate::{
    base::beneath::{Beneath, RelPath},
    tool::prelude::*,
};

/// Most bytes of files that one call shows.
pub(super) const BUDGET: usize = 40 * 1024;

/// A text file, or part of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TextFile {
    /// The file, relative to the workspace.
    pub path: String,
    /// The text, with the line endings of the file.
    pub content: String,
    /// The file's version: pass it as `if_match` to write_file or edit_file, which then refuse if the file changed.
    pub etag: String,
    /// Size of the whole file in bytes.
    pub size_bytes: u64,
    /// Lines in the whole file.
    pub total_lines: u64,
    /// Number of the first line shown, from 1.
    pub first_line: u64,
    /// How the file's bytes spell text, when it is not plain UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// How lines end, when not with `\n` alone. edit_file keeps it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ending: Option<LineEnding>,
    /// True when the last line of the file has no line ending.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_final_newline: bool,
    /// Bytes among those shown that are not UTF-8. Pass `encoding: "latin-1"` to see and change them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_utf8: Option<Invalid>,
    /// True when the text was cut because it is too long for one reply.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Pass as `offset` to read on, when lines are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
}

/// How to read a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub wanted: Wanted,
    pub encoding: Option<Encoding>,
    pub line_numbers: bool,
    /// Most bytes to show.
    pub budget: usize,
    /// Largest file that is decoded as a whole.
    pub most: u64,
}

impl Reading {
    /// The text at `path`.
    pub fn read(self, files: &Beneath, path: &RelPath, stop: &Stop) -> Result<TextFile, ToolError> {
        // A line's end is two characters in JSON; a number is seven more.
        let budget = Budget {
            bytes: self.budget,
            per_line: if self.line_numbers { 9 } else { 1 },
        };
        let (mut file, _) = files
            .file(path)
            .map_err(|error| fault::of(files, path, error))?;
        let stopped = || stop.is_set();
        let survey = window::survey(&mut file, &stopped)?;
        let found = self.encoding.unwrap_or_else(|| text::detect(&survey.start));
        if survey.binary {
            return Err(fault::of_text("/path", path, &text::TextError::Binary));
        }
        if matches!(found, Encoding::Utf16Le | Encoding::Utf16Be) {
            let (mut text, mut facts) = from_utf16(&mut file, path, &survey, self.most, found)?;
            facts.etag = survey.etag;
            facts.bytes = survey.bytes;
            let taken = window::take(&mut text, facts.lines, self.wanted, budget, &stopped)?;
            return Ok(answer(path, facts, taken, found, self.line_numbers));
        }
        let taken = window::take(&mut file, survey.lines, self.wanted, budget, &stopped)?;
        Ok(answer(path, survey, taken, found, self.line_numbers))
    }
}

/// The UTF-8 of a UTF-16 file, whose lines cannot be found by bytes.
fn from_utf16(
    file: &mut File,
    path: &RelPath,
    survey: &Survey,
    most: u64,
    encoding: Encoding,
) -> Result<(Cursor<Vec<u8>>, Survey), ToolError> {
    if survey.bytes > most {
        return Err(ToolError::too_large(format!(
            "{path} is UTF-16 and larger than {most} bytes"
        )));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most).read_to_end(&mut bytes)?;
    let text = Text::decode(&bytes, Some(encoding))
        .map_err(|error| fault::of_text("/path", path, &error))?;
    let mut text = Cursor::new(text.body.into_bytes());
    let facts = window::survey(&mut text, &|| false)?;
    Ok((text, facts))
}

fn answer(
    path: &RelPath,
    facts: Survey,
    taken: Taken,
    encoding: Encoding,
    numbers: bool,
) -> TextFile {
    let utf16 = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
    let how = if utf16 { Encoding::Utf8 } else { encoding };
    // UTF-16 and marks are dealt with already, and a piece that was sniffed as text once stays text.
    let text = Text::decode_piece(&taken.bytes, how, taken.first == 1 && !utf16);
    let mut content = if text.invalid.is_some() {
        text::shown(&text.body)
    } else {
        text.body
    };
    if numbers {
        content = numbered(&content, taken.first);
    }
    let more = taken.next <= facts.lines;
    TextFile {
        path: path.to_string(),
        content,
        etag: facts.etag,
        size_bytes: facts.bytes,
        total_lines: facts.lines,
        first_line: taken.first,
        encoding: (encoding != Encoding::Utf8).then_some(encoding),
        line_ending: (facts.line_ending != LineEnding::Lf).then_some(facts.line_ending),
        no_final_newline: !facts.final_newline,
        invalid_utf8: text.invalid,
        truncated: taken.truncated,
        next_offset: more.then_some(taken.next),
    }
}

fn numbered(text: &str, first: u64) -> String {
    let lines = text.split_inclusive('\n').zip(first..);
    lines
        .map(|(line, number)| format!("{number:>6}\t{line}"))
        .collect()
}
