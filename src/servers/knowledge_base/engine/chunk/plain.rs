//! Plain text: paragraphs between blank lines, and pages between form feeds.

use super::{Block, Lines, Role};

/// What ends a page.
const FORM_FEED: char = '\u{c}';

pub fn blocks(lines: &Lines<'_>) -> Vec<Block> {
    let paged = lines.text.contains(FORM_FEED);
    let mut blocks = Vec::new();
    let mut page = 0;
    let mut start = None;
    let end = |blocks: &mut Vec<Block>, start: &mut Option<usize>, at: usize| {
        if let Some(from) = start.take() {
            blocks.push(Block {
                bytes: lines.bytes(from, at),
                role: Role::Prose,
            });
        }
    };
    for index in 0..=lines.len() {
        let line = lines.get(index).unwrap_or_default();
        let turns = line.starts_with(FORM_FEED) || index == 0;
        if paged && turns && index < lines.len() {
            end(&mut blocks, &mut start, index);
            // An empty block that only names what follows.
            page += 1;
            let at = lines.bytes(index, index).start;
            blocks.push(Block {
                bytes: at..at,
                role: Role::Heading {
                    level: 1,
                    title: format!("Page {page}"),
                },
            });
        }
        if line.trim().is_empty() {
            end(&mut blocks, &mut start, index);
        } else {
            start.get_or_insert(index);
        }
    }
    blocks
}
