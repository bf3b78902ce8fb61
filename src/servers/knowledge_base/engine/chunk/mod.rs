//! Cuts a document into the pieces that are searched and cited.
//!
//! Chunks never overlap, keep the document's order, and leave out nothing but white space; each range starts and ends on
//! a character. Markdown is cut at its headings, and a fenced block or a table is never split, however long it is.

mod lines;
mod markdown;
mod pack;
mod plain;

use std::ops::Range;

use lines::Lines;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// CommonMark with tables: headings make sections.
    Markdown,
    /// Paragraphs between blank lines.
    Plain,
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A chunk is closed when the next block would take it past this.
    pub target: usize,
    /// A longer paragraph is cut; a fenced block or table is not.
    pub max: usize,
}

impl Default for Limits {
    /// About 256 tokens of English, the window of small embedding models.
    fn default() -> Self {
        Self {
            target: 1_200,
            max: 2_000,
        }
    }
}

/// One piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it stands in the document, in bytes.
    pub bytes: Range<usize>,
    /// Its first line, counted from 1.
    pub first_line: u32,
    /// Its last line, counted from 1.
    pub last_line: u32,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// The item of a program that it is, e.g. `Registry::call`.
    pub symbol: Option<String>,
    /// Tokens of the built-in embedding model in it.
    pub tokens: u32,
}

impl Chunk {
    /// Its text within `document`, the text it was cut from.
    pub fn text<'d>(&self, document: &'d str) -> &'d str {
        document.get(self.bytes.clone()).unwrap_or_default()
    }
}

/// A run of lines that belongs together.
#[derive(Debug)]
struct Block {
    bytes: Range<usize>,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Heading {
        level: u8,
        title: String,
    },
    /// May be cut when it is too long.
    Prose,
    /// A fenced block, a table or front matter: stays whole.
    Whole,
}

/// Cuts `text`. White space alone yields no chunk.
pub fn chunk(text: &str, form: Form, limits: Limits) -> Vec<Chunk> {
    let lines = Lines::of(text);
    let blocks = match form {
        Form::Markdown => markdown::blocks(&lines),
        Form::Plain => plain::blocks(&lines),
    };
    pack::pack(&lines, blocks, limits)
}

/// The first heading of a Markdown text, or the first line with anything on it: what to call a document without a title.
pub fn title_of(text: &str, form: Form) -> Option<String> {
    let lines = Lines::of(text);
    let heading = match form {
        Form::Markdown => markdown::blocks(&lines)
            .into_iter()
            .find_map(|block| match block.role {
                Role::Heading { title, .. } if !title.is_empty() => Some(title),
                _ => None,
            }),
        Form::Plain => None,
    };
    heading
        .or_else(|| {
            text.lines()
                .map(str::trim)
                .find(|line| line.chars().any(char::is_alphanumeric))
                .map(str::to_owned)
        })
        .map(|title| title.chars().take(120).collect())
}

#[cfg(test)]
mod tests;
