//! Blocks into chunks of a good size, each under its headings.

use std::ops::Range;

use super::{
    Block, Chunk, Limits, Lines, Role,
    cut::{PROSE, cut},
};

/// Characters of a heading kept in a path.
const MAX_TITLE: usize = 200;

/// The chunk being filled.
struct Open {
    bytes: Range<usize>,
    path: Vec<String>,
    /// Only headings so far: what follows joins it, so that no heading stands alone above its text.
    bare: bool,
    tokens: u32,
}

struct Packer<'l, 't> {
    lines: &'l Lines<'t>,
    limits: Limits<'l>,
    /// Headings above the current place: level and title.
    stack: Vec<(u8, String)>,
    open: Option<Open>,
    chunks: Vec<Chunk>,
}

pub fn pack(lines: &Lines<'_>, blocks: Vec<Block>, limits: Limits<'_>) -> Vec<Chunk> {
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
        let tokens = self.tokens(&bytes);
        self.extend(bytes, tokens, true);
        let path = self.path();
        if let Some(open) = &mut self.open {
            open.path = path;
        }
    }

    fn prose(&mut self, bytes: Range<usize>) {
        let heading = self
            .open
            .as_ref()
            .filter(|open| open.bare)
            .map_or(0, |open| open.tokens);
        let max = self.room(self.limits.max);
        let max = max.saturating_sub(heading).max(max / 2).max(1);
        for part in cut(self.lines.text, bytes, PROSE, max, self.limits.tokens) {
            self.body(part);
        }
    }

    fn body(&mut self, bytes: Range<usize>) {
        let tokens = self.tokens(&bytes);
        let full = self.open.as_ref().is_some_and(|open| {
            !open.bare && open.tokens.saturating_add(tokens) > self.room(self.limits.target)
        });
        if full {
            self.flush();
        }
        self.extend(bytes, tokens, false);
    }

    fn tokens(&self, bytes: &Range<usize>) -> u32 {
        (self.limits.tokens)(self.lines.slice(bytes.clone()))
    }

    /// What of `limit` is left below the headings, which are read with the text; at least half of it.
    fn room(&self, limit: u32) -> u32 {
        let above: u32 = self
            .stack
            .iter()
            .map(|(_, title)| (self.limits.tokens)(title))
            .sum();
        limit.saturating_sub(above).max(limit / 2).max(1)
    }

    fn extend(&mut self, bytes: Range<usize>, tokens: u32, bare: bool) {
        match &mut self.open {
            Some(open) => {
                open.bytes.end = bytes.end;
                open.bare &= bare;
                open.tokens = open.tokens.saturating_add(tokens);
            }
            None => {
                self.open = Some(Open {
                    bytes,
                    path: self.path(),
                    bare,
                    tokens,
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
        let chunk = Chunk::of(self.lines, open.bytes, open.path, None, open.tokens);
        self.chunks.extend(chunk);
    }
}
