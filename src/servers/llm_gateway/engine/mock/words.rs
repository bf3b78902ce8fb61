//! Words, counts and vectors that depend on nothing but what they are made of.

use sha2::{Digest, Sha256};

use super::super::chat::Part;

const LOREM: &str = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore \
                     et dolore magna aliqua";

/// So many words.
pub fn lorem(words: usize) -> String {
    let words: Vec<&str> = LOREM.split(' ').cycle().take(words).collect();
    words.join(" ")
}

/// A token a word.
pub fn count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// What is said in `part`.
pub fn text_of(part: &Part) -> String {
    match part {
        Part::Text { text, .. } | Part::Thinking { text, .. } | Part::Refusal(text) => text.clone(),
        Part::ToolCall(call) => format!("{} {}", call.name, call.arguments),
        Part::ToolResult { content, .. } => {
            content.iter().map(text_of).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// The id of a tool's call, another in each turn.
pub fn id_of(name: &str, arguments: &str, turn: usize) -> String {
    let hash = Sha256::new()
        .chain_update(turn.to_le_bytes())
        .chain_update(name)
        .chain_update([0])
        .chain_update(arguments)
        .finalize();
    let hex: String = hash
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("call_{hex}")
}

/// A unit vector that depends on nothing but the text.
pub fn vector(text: &str, dimensions: u32) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(dimensions as usize);
    let mut block = 0_u32;
    while values.len() < dimensions as usize {
        let hash = Sha256::new()
            .chain_update(block.to_le_bytes())
            .chain_update(text)
            .finalize();
        values.extend(
            hash.iter()
                .map(|byte| f32::from(*byte) - 127.5)
                .take(dimensions as usize - values.len()),
        );
        block += 1;
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in &mut values {
        *value /= length;
    }
    values
}
