//! Answers from their pieces, and pieces from an answer.

use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Part, Piece, ToolCall};

/// Puts an answer's parts together from its pieces.
#[derive(Debug, Default)]
pub struct Assembly {
    parts: Vec<Part>,
    /// Which call is which part: (index of the call, index of the part).
    calls: Vec<(usize, usize)>,
}

impl Assembly {
    pub fn push(&mut self, piece: &Piece) {
        match (piece, self.parts.last_mut()) {
            (Piece::Text(new), Some(Part::Text { text, .. }))
            | (Piece::Refusal(new), Some(Part::Refusal(text)))
            | (
                Piece::Thinking(new),
                Some(Part::Thinking {
                    text,
                    signature: None,
                }),
            ) => text.push_str(new),
            (Piece::Signature(new), Some(Part::Thinking { signature, .. }))
                if signature.is_none() =>
            {
                *signature = Some(new.clone());
            }
            (Piece::Arguments { index, text }, _) => self.argue(*index, text),
            (piece, _) => self.begin(piece),
        }
    }

    /// The parts; a call without arguments has `{}`.
    pub fn take(&mut self) -> Vec<Part> {
        self.calls.clear();
        let mut parts = std::mem::take(&mut self.parts);
        for part in &mut parts {
            if let Part::ToolCall(call) = part
                && call.arguments.is_empty()
            {
                "{}".clone_into(&mut call.arguments);
            }
        }
        parts
    }

    fn begin(&mut self, piece: &Piece) {
        self.parts.push(match piece {
            Piece::Text(text) => Part::text(text.as_str()),
            Piece::Refusal(text) => Part::Refusal(text.clone()),
            Piece::Thinking(text) => Part::Thinking {
                text: text.clone(),
                signature: None,
            },
            Piece::Signature(signature) => Part::Thinking {
                text: String::new(),
                signature: Some(signature.clone()),
            },
            Piece::RedactedThinking(data) => Part::RedactedThinking(data.clone()),
            Piece::ToolCall { index, id, name } => {
                self.calls.push((*index, self.parts.len()));
                Part::ToolCall(ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                })
            }
            Piece::Arguments { .. } => return,
        });
    }

    fn argue(&mut self, index: usize, more: &str) {
        let position = self.calls.iter().rev().find(|(call, _)| *call == index);
        let part = position.and_then(|(_, part)| self.parts.get_mut(*part));
        if let Some(Part::ToolCall(call)) = part {
            call.arguments.push_str(more);
        }
    }
}

/// The pieces of a whole answer, e.g. to stream one that is at hand.
pub fn pieces(answer: &ChatAnswer) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut calls = 0;
    for part in &answer.parts {
        match part {
            Part::Text { text, .. } => pieces.push(Piece::Text(text.clone())),
            Part::Refusal(text) => pieces.push(Piece::Refusal(text.clone())),
            Part::Thinking { text, signature } => {
                pieces.push(Piece::Thinking(text.clone()));
                pieces.extend(signature.clone().map(Piece::Signature));
            }
            Part::RedactedThinking(data) => pieces.push(Piece::RedactedThinking(data.clone())),
            Part::ToolCall(call) => {
                pieces.extend(call_pieces(calls, call));
                calls += 1;
            }
            // Models say none of these.
            Part::Image(_) | Part::File { .. } | Part::Audio(_) | Part::ToolResult { .. } => {}
        }
    }
    pieces
}

/// The pieces of one call.
pub fn call_pieces(index: usize, call: &ToolCall) -> [Piece; 2] {
    let begin = Piece::ToolCall {
        index,
        id: call.id.clone(),
        name: call.name.clone(),
    };
    let text = call.arguments.clone();
    [begin, Piece::Arguments { index, text }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::llm_gateway::engine::chat::{Finish, Usage};

    #[test]
    fn pieces_become_parts() {
        let call = |index: usize, id: &str| Piece::ToolCall {
            index,
            id: id.into(),
            name: "f".into(),
        };
        let arguments = |index, text: &str| Piece::Arguments {
            index,
            text: text.into(),
        };
        let mut assembly = Assembly::default();
        for piece in [
            Piece::Thinking("a".into()),
            Piece::Thinking("b".into()),
            Piece::Signature("s".into()),
            Piece::Signature("t".into()),
            Piece::Text("x".into()),
            Piece::Text("y".into()),
            call(0, "c0"),
            call(1, "c1"),
            arguments(0, "{\"a\""),
            call(2, "c2"),
            arguments(1, "[]"),
            arguments(0, ":1}"),
            arguments(9, "lost"),
        ] {
            assembly.push(&piece);
        }
        let thinking = |text: &str, signature: &str| Part::Thinking {
            text: text.into(),
            signature: Some(signature.into()),
        };
        let said = |id: &str, arguments: &str| {
            Part::ToolCall(ToolCall {
                id: id.into(),
                name: "f".into(),
                arguments: arguments.into(),
            })
        };
        let parts = vec![
            thinking("ab", "s"),
            thinking("", "t"),
            Part::text("xy"),
            said("c0", "{\"a\":1}"),
            said("c1", "[]"),
            said("c2", "{}"),
        ];
        assert_eq!(assembly.take(), parts);

        let answer = ChatAnswer {
            parts: parts.clone(),
            finish: Finish::ToolCalls,
            stop_sequence: None,
            usage: Usage::default(),
            model: None,
        };
        let mut again = Assembly::default();
        for piece in pieces(&answer) {
            again.push(&piece);
        }
        assert_eq!(again.take(), parts);
    }
}
