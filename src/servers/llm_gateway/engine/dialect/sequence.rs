//! Streams one part after the other.
//!
//! Models may write the arguments of several calls at once. Anthropic's dialect cannot say that, and OpenAI's own stream helpers
//! take the first call for done when the second begins. So what belongs to another part waits until the call that is open has
//! whole arguments.

use std::collections::VecDeque;

use super::{
    Encoder, Trouble,
    assembly::{call_pieces, pieces},
};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Piece, Usage};

/// A part of an answer's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Text,
    Refusal,
    Thinking,
    /// Thinking that the provider keeps to itself: it has no deltas.
    Redacted(String),
    Call {
        /// Counts the answer's calls from 0.
        index: usize,
        id: String,
        name: String,
    },
}

/// Writes a dialect's events. It is told of one block after the other: opened, continued, closed.
pub trait Writer: Send {
    fn start(&mut self, usage: &Usage, out: &mut String);
    fn open(&mut self, block: &Block, out: &mut String);
    fn delta(&mut self, block: &Block, text: &str, out: &mut String);
    /// `text` is all of its deltas; `signature` is that of thinking.
    fn close(&mut self, block: &Block, text: &str, signature: Option<&str>, out: &mut String);
    fn end(&mut self, answer: &ChatAnswer, out: &mut String);
    fn fail(&mut self, trouble: &Trouble, out: &mut String);
}

/// An encoder that writes one block after the other.
pub struct Sequence<W> {
    writer: W,
    open: Option<Open>,
    /// What waits for the open call to be whole.
    held: VecDeque<Piece>,
    /// Indices of the calls that were begun.
    begun: Vec<usize>,
    /// Whether anything was said.
    said: bool,
}

struct Open {
    block: Block,
    text: String,
    json: Json,
}

impl<W: Writer> Sequence<W> {
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            open: None,
            held: VecDeque::new(),
            begun: Vec::new(),
            said: false,
        }
    }

    /// The call whose arguments are still to come.
    fn waiting(&self) -> Option<usize> {
        match &self.open {
            Some(Open {
                block: Block::Call { index, .. },
                json,
                ..
            }) if !json.whole => Some(*index),
            _ => None,
        }
    }

    fn write(&mut self, piece: &Piece, out: &mut String) {
        match piece {
            Piece::Text(text) => self.continued(Block::Text, text, out),
            Piece::Refusal(text) => self.continued(Block::Refusal, text, out),
            Piece::Thinking(text) => self.continued(Block::Thinking, text, out),
            Piece::Signature(signature) => {
                self.switch(Block::Thinking, out);
                self.close(Some(signature), out);
            }
            Piece::RedactedThinking(data) => {
                self.switch(Block::Redacted(data.clone()), out);
                self.close(None, out);
            }
            Piece::ToolCall { index, id, name } => {
                let (index, id, name) = (*index, id.clone(), name.clone());
                self.switch(Block::Call { index, id, name }, out);
            }
            // After its closing brace a call has nothing more to say.
            Piece::Arguments { index, text } if self.is_open(*index) => self.delta(text, out),
            Piece::Arguments { .. } => {}
        }
    }

    fn is_open(&self, call: usize) -> bool {
        matches!(&self.open, Some(Open { block: Block::Call { index, .. }, .. }) if *index == call)
    }

    fn continued(&mut self, block: Block, text: &str, out: &mut String) {
        if !text.is_empty() {
            self.switch(block, out);
            self.delta(text, out);
        }
    }

    /// Makes `block` the open one.
    fn switch(&mut self, block: Block, out: &mut String) {
        if self.open.as_ref().is_some_and(|open| open.block == block) {
            return;
        }
        self.close(None, out);
        self.said = true;
        self.writer.open(&block, out);
        self.open = Some(Open {
            block,
            text: String::new(),
            json: Json::default(),
        });
    }

    fn delta(&mut self, text: &str, out: &mut String) {
        if let Some(open) = self.open.as_mut().filter(|_| !text.is_empty()) {
            open.text.push_str(text);
            open.json.read(text);
            self.writer.delta(&open.block, text, out);
        }
    }

    fn close(&mut self, signature: Option<&str>, out: &mut String) {
        if let Some(open) = self.open.take() {
            self.writer.close(&open.block, &open.text, signature, out);
        }
    }

    /// Writes what was held, as far as the open call lets it.
    fn release(&mut self, out: &mut String) {
        loop {
            let next = match self.waiting() {
                None => self.held.pop_front(),
                Some(call) => {
                    let its = |piece: &Piece| matches!(piece, Piece::Arguments { index, .. } if *index == call);
                    let position = self.held.iter().position(its);
                    position.and_then(|position| self.held.remove(position))
                }
            };
            match next {
                Some(piece) => self.write(&piece, out),
                None => return,
            }
        }
    }

    /// Ends the call that is still open with what the answer has of its arguments.
    fn settle(&mut self, call: usize, answer: &ChatAnswer, out: &mut String) {
        let so_far = self.open.as_ref().map_or("", |open| open.text.as_str());
        let all = answer.tool_calls().nth(call);
        let all = all.map_or("", |call| call.arguments.as_str());
        let rest = match all.strip_prefix(so_far).unwrap_or_default() {
            "" if so_far.is_empty() => "{}",
            rest => rest,
        };
        let rest = rest.to_owned();
        self.delta(&rest, out);
        self.close(None, out);
    }
}

impl<W: Writer> Encoder for Sequence<W> {
    fn start(&mut self, usage: &Usage, out: &mut String) {
        self.writer.start(usage, out);
    }

    fn piece(&mut self, piece: &Piece, out: &mut String) {
        if let Piece::ToolCall { index, .. } = piece {
            self.begun.push(*index);
        }
        if self.waiting().is_some() {
            self.held.push_back(piece.clone());
            self.release(out);
        } else {
            self.write(piece, out);
        }
    }

    fn end(&mut self, answer: &ChatAnswer, out: &mut String) {
        if self.said {
            for (index, call) in answer.tool_calls().enumerate() {
                if !self.begun.contains(&index) {
                    self.held.extend(call_pieces(index, call));
                }
            }
        } else {
            self.held.extend(pieces(answer));
        }
        self.release(out);
        while let Some(call) = self.waiting() {
            self.settle(call, answer, out);
            self.release(out);
        }
        self.close(None, out);
        self.writer.end(answer, out);
    }

    fn fail(&mut self, trouble: &Trouble, out: &mut String) {
        self.writer.fail(trouble, out);
    }
}

/// Follows a JSON object or array as it is written, to see its end.
#[derive(Default)]
struct Json {
    depth: u32,
    quoted: bool,
    escaped: bool,
    whole: bool,
}

impl Json {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.whole = self.depth == 0;
                }
                _ => {}
            }
        }
    }
}
