//! Cuts a document into the pieces that are searched and cited.
//!
//! Chunks never overlap, keep the document's order, and leave out nothing but white space; each range starts and ends on
//! a character. Markdown is cut at its headings, and a fenced block or a table is never split, however long it is. Programs
//! are cut along their syntax tree. Sizes are tokens of the embedding model.

mod code;
mod cut;
mod grammar;
mod lines;
mod markdown;
mod pack;
mod plain;

use std::ops::Range;

pub use grammar::Grammar;
use lines::Lines;

use super::embed::Tokens;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// CommonMark with tables: headings make sections.
    Markdown,
    /// Paragraphs between blank lines, pages between form feeds.
    Plain,
    /// A program in a language whose grammar is known.
    Code(Grammar),
}

/// Sizes in tokens.
#[derive(Clone, Copy)]
pub struct Limits<'t> {
    /// A chunk is closed when the next block would take it past this.
    pub target: u32,
    /// A longer paragraph or item is cut; a fenced block or table is not. The headings above count too.
    pub max: u32,
    /// Tokens of a text.
    pub tokens: &'t dyn Fn(&str) -> u32,
}

impl Default for Limits<'_> {
    /// For the built-in model, which reads 256 tokens.
    fn default() -> Self {
        Self {
            target: 200,
            max: 256,
            tokens: &tokens,
        }
    }
}

/// Tokens of the built-in embedding model.
fn tokens(text: &str) -> u32 {
    u32::try_from(Tokens::shared().count(text)).unwrap_or(u32::MAX)
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
    /// The chunk of these bytes, without the empty lines around them; none where there is nothing else.
    fn of(
        lines: &Lines<'_>,
        bytes: Range<usize>,
        heading_path: Vec<String>,
        symbol: Option<String>,
        tokens: u32,
    ) -> Option<Self> {
        let text = lines.slice(bytes.clone());
        // The indentation of the first line stays: it means something in lists and code.
        let blank = text.len() - text.trim_start().len();
        let indent = text
            .get(..blank)?
            .rfind(['\n', '\r', '\u{c}'])
            .map_or(0, |at| at + 1);
        let (start, end) = (bytes.start + indent, bytes.start + text.trim_end().len());
        (start < end).then(|| Self {
            first_line: lines.number(start),
            last_line: lines.number(end - 1),
            bytes: start..end,
            heading_path,
            symbol,
            tokens,
        })
    }

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
pub fn chunk(text: &str, form: Form, limits: Limits<'_>) -> Vec<Chunk> {
    let lines = Lines::of(text);
    let blocks = match form {
        Form::Markdown => markdown::blocks(&lines),
        Form::Plain => plain::blocks(&lines),
        Form::Code(grammar) => match code::pieces(&lines, grammar, &limits) {
            Some(pieces) => return code::pack(&lines, pieces, &limits),
            // It takes too long to parse: no syntax is better than no chunks.
            None => plain::blocks(&lines),
        },
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
        Form::Plain | Form::Code(_) => None,
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
