//! Plain text: paragraphs between blank lines.

use super::{Block, Lines, Role};

pub fn blocks(lines: &Lines<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut start = None;
    for index in 0..=lines.len() {
        let blank = lines.get(index).is_none_or(|line| line.trim().is_empty());
        match (blank, start) {
            (false, None) => start = Some(index),
            (true, Some(from)) => {
                blocks.push(Block {
                    bytes: lines.bytes(from, index),
                    role: Role::Prose,
                });
                start = None;
            }
            _ => {}
        }
    }
    blocks
}
