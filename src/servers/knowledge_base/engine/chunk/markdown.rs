//! Markdown into blocks, line by line: headings, fenced blocks, tables, front matter, prose.
//!
//! A whole CommonMark parser would answer more than is asked here: only what must stay together and where sections start.

use super::{Block, Lines, Role};

pub fn blocks(lines: &Lines<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    if let Some(end) = front_matter(lines) {
        blocks.push(whole(lines, 0, end));
        at = end;
    }
    while let Some(line) = lines.get(at) {
        if line.trim().is_empty() {
            at += 1;
            continue;
        }
        let end = if let Some(fence) = Fence::open(line) {
            let end = fence.end(lines, at);
            blocks.push(whole(lines, at, end));
            end
        } else if let Some((level, title)) = atx(line) {
            blocks.push(heading(lines, at, at + 1, level, title));
            at + 1
        } else if starts_table(lines, at) {
            let end = run(lines, at + 2, |line| line.contains('|'));
            blocks.push(whole(lines, at, end));
            end
        } else if let Some(level) = lines.get(at + 1).and_then(|below| setext(line, below)) {
            blocks.push(heading(lines, at, at + 2, level, line.trim().to_owned()));
            at + 2
        } else {
            let end = prose_end(lines, at);
            blocks.push(Block {
                bytes: lines.bytes(at, end),
                role: Role::Prose,
            });
            end
        };
        at = end;
    }
    blocks
}

fn whole(lines: &Lines<'_>, from: usize, to: usize) -> Block {
    Block {
        bytes: lines.bytes(from, to),
        role: Role::Whole,
    }
}

fn heading(lines: &Lines<'_>, from: usize, to: usize, level: u8, title: String) -> Block {
    Block {
        bytes: lines.bytes(from, to),
        role: Role::Heading { level, title },
    }
}

/// First line from `from` that does not `fit`; a blank line never does.
fn run(lines: &Lines<'_>, from: usize, fit: impl Fn(&str) -> bool) -> usize {
    let mut at = from;
    while lines
        .get(at)
        .is_some_and(|line| !line.trim().is_empty() && fit(line))
    {
        at += 1;
    }
    at
}

/// Prose ends at a blank line or where another block interrupts it.
fn prose_end(lines: &Lines<'_>, from: usize) -> usize {
    let mut at = from + 1;
    while let Some(line) = lines.get(at) {
        let other = line.trim().is_empty()
            || Fence::open(line).is_some()
            || atx(line).is_some()
            || starts_table(lines, at);
        if other {
            break;
        }
        at += 1;
    }
    at
}

/// Metadata between `---` lines at the very top.
fn front_matter(lines: &Lines<'_>) -> Option<usize> {
    if lines.get(0)?.trim_end() != "---" {
        return None;
    }
    // Without a bound, a text that merely opens with a rule would be read to its end.
    (1..lines.len().min(200))
        .find(|&at| matches!(lines.get(at).map(str::trim_end), Some("---" | "...")))
        .map(|at| at + 1)
}

/// `# Title #`: level and title. CommonMark 4.2.
fn atx(line: &str) -> Option<(u8, String)> {
    let text = line.trim_start();
    if line.len() - text.len() > 3 {
        return None;
    }
    let title = text.trim_start_matches('#');
    let level = text.len() - title.len();
    if !(1..=6).contains(&level) || !(title.is_empty() || title.starts_with([' ', '\t'])) {
        return None;
    }
    let title = title.trim();
    let bare = title.trim_end_matches('#');
    let title = if bare.is_empty() || bare.ends_with([' ', '\t']) {
        bare.trim_end()
    } else {
        title
    };
    Some((u8::try_from(level).unwrap_or(6), title.to_owned()))
}

/// A line underlined with `===` or `---`. CommonMark 4.3, single lines only.
fn setext(line: &str, below: &str) -> Option<u8> {
    let listed = line.trim_start().starts_with(['-', '*', '+', '>', '|']);
    if listed || line.starts_with("    ") || below.starts_with("    ") {
        return None;
    }
    let below = below.trim();
    let all = |mark: char| !below.is_empty() && below.chars().all(|c| c == mark);
    if all('=') {
        Some(1)
    } else if all('-') {
        Some(2)
    } else {
        None
    }
}

/// A row with a delimiter row such as `| --- | :-: |` below it. GFM 4.10.
fn starts_table(lines: &Lines<'_>, at: usize) -> bool {
    let (Some(head), Some(below)) = (lines.get(at), lines.get(at + 1)) else {
        return false;
    };
    head.contains('|')
        && below.contains('|')
        && below.contains('-')
        && below
            .chars()
            .all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

/// An opened code fence. CommonMark 4.5, but at any depth, for fences inside list items.
struct Fence {
    mark: char,
    len: usize,
}

impl Fence {
    fn open(line: &str) -> Option<Self> {
        let text = line.trim_start();
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let len = text.len() - info.len();
        let inline = mark == '`' && info.contains('`');
        (len >= 3 && !inline).then_some(Self { mark, len })
    }

    /// The line after the closing fence; without one the block runs to the end of the text.
    fn end(&self, lines: &Lines<'_>, open: usize) -> usize {
        (open + 1..lines.len())
            .find(|&at| lines.get(at).is_some_and(|line| self.closes(line.trim())))
            .map_or(lines.len(), |at| at + 1)
    }

    fn closes(&self, line: &str) -> bool {
        line.len() >= self.len && line.chars().all(|c| c == self.mark)
    }
}
