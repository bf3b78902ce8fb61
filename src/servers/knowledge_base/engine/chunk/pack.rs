//! Blocks into chunks of a good size, each under its headings.

use std::ops::Range;

use super::{Block, Chunk, Limits, Lines, Role};

/// Characters of a heading kept in a path.
const MAX_TITLE: usize = 200;

/// The chunk being filled.
struct Open {
    bytes: Range<usize>,
    path: Vec<String>,
    /// Only headings so far: what follows joins it, so that no heading stands alone above its text.
    bare: bool,
}

struct Packer<'l, 't> {
    lines: &'l Lines<'t>,
    limits: Limits,
    /// Headings above the current place: level and title.
    stack: Vec<(u8, String)>,
    open: Option<Open>,
    chunks: Vec<Chunk>,
}

pub fn pack(lines: &Lines<'_>, blocks: Vec<Block>, limits: Limits) -> Vec<Chunk> {
    let mut packer = Packer {
        lines,
        limits,
        stack: Vec::new(),
        open: None,
        chunks: Vec::new(),
    };
    for block in blocks {
        match block.role {
            Role::Heading { level, title } => packer.heading(block.bytes, level, title),
            Role::Whole => packer.body(block.bytes),
            Role::Prose => packer.prose(block.bytes),
        }
    }
    packer.flush();
    packer.chunks
}

impl Packer<'_, '_> {
    fn heading(&mut self, bytes: Range<usize>, level: u8, title: String) {
        let deeper = self.stack.last().is_some_and(|(above, _)| *above < level);
        let joins = deeper && self.open.as_ref().is_some_and(|open| open.bare);
        if !joins {
            self.flush();
        }
        while self.stack.last().is_some_and(|(above, _)| *above >= level) {
            self.stack.pop();
        }
        // Every chunk below repeats it, so its length is bounded.
        let title = title.chars().take(MAX_TITLE).collect();
        self.stack.push((level, title));
        self.extend(bytes, true);
        let path = self.path();
        if let Some(open) = &mut self.open {
            open.path = path;
        }
    }

    fn prose(&mut self, bytes: Range<usize>) {
        let mut rest = bytes;
        while rest.len() > self.limits.max {
            let cut = rest.start + cut(self.lines.slice(rest.clone()), self.limits.max);
            self.body(rest.start..cut);
            rest.start = cut;
        }
        self.body(rest);
    }

    fn body(&mut self, bytes: Range<usize>) {
        let full = self.open.as_ref().is_some_and(|open| {
            !open.bare && bytes.end.saturating_sub(open.bytes.start) > self.limits.target
        });
        if full {
            self.flush();
        }
        self.extend(bytes, false);
    }

    fn extend(&mut self, bytes: Range<usize>, bare: bool) {
        match &mut self.open {
            Some(open) => {
                open.bytes.end = bytes.end;
                open.bare &= bare;
            }
            None => {
                self.open = Some(Open {
                    bytes,
                    path: self.path(),
                    bare,
                });
            }
        }
    }

    fn path(&self) -> Vec<String> {
        let titles = self.stack.iter().map(|(_, title)| title);
        titles.filter(|title| !title.is_empty()).cloned().collect()
    }

    fn flush(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let text = self.lines.slice(open.bytes.clone());
        // The indentation of the first line stays: it means something in lists and code.
        let start = open.bytes.start + (text.len() - text.trim_start_matches(['\n', '\r']).len());
        let end = open.bytes.start + text.trim_end().len();
        if start >= end {
            return;
        }
        self.chunks.push(Chunk {
            first_line: self.lines.number(start),
            last_line: self.lines.number(end - 1),
            bytes: start..end,
            heading_path: open.path,
            symbol: None,
            tokens: 0,
        });
    }
}

/// Where to cut `text` at `max` bytes or before: after a line, else a sentence, else a word, else between characters.
/// Never 0, and never in the first half unless there is no better place.
fn cut(text: &str, max: usize) -> usize {
    let mut limit = max.min(text.len());
    while limit > 0 && !text.is_char_boundary(limit) {
        limit -= 1;
    }
    if limit == 0 {
        return text.chars().next().map_or(text.len(), char::len_utf8);
    }
    let head = text.get(..limit).unwrap_or_default();
    let after = |marks: &[&str]| {
        let places = marks.iter().filter_map(|mark| {
            let at = head.rfind(mark)? + mark.len();
            (at > limit / 2).then_some(at)
        });
        places.max()
    };
    after(&["\n"])
        .or_else(|| after(&[". ", "! ", "? ", "。", "！", "？"]))
        .or_else(|| after(&[" ", "\t"]))
        .unwrap_or(limit)
}
