//! Messages' streams, as providers write them.

use serde_json::Value;

use super::{
    super::{Decoder, assembly::Assembly, trouble},
    answer::read_finish,
    usage::Counts,
};
use crate::servers::llm_gateway::engine::{
    chat::{ChatAnswer, Piece, Usage},
    failure::Failure,
};

pub fn decoder() -> Box<dyn Decoder> {
    Box::new(Events::default())
}

#[derive(Default)]
struct Events {
    assembly: Assembly,
    /// Tools called so far.
    calls: usize,
    open: Option<Open>,
    model: Option<String>,
    finish: Option<String>,
    stop_sequence: Option<String>,
    counts: Counts,
    done: bool,
}

/// What the open block still has to say when it closes.
enum Open {
    /// A call: its index, and its input as the block began with it, until there are deltas.
    Call(usize, Option<String>),
    /// The signature so far.
    Thinking(String),
}

impl Decoder for Events {
    fn event(&mut self, name: &str, data: &str, out: &mut Vec<Piece>) -> Result<(), Failure> {
        let data = data.trim();
        if data.is_empty() {
            return Ok(());
        }
        let event: Value =
            serde_json::from_str(data).map_err(|_| trouble::nonsense("an event is no JSON"))?;
        let word = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let from = out.len();
        match word("/type").unwrap_or(name) {
            "message_start" => {
                self.model = word("/message/model").map(str::to_owned);
                self.count(event.pointer("/message/usage"));
            }
            "content_block_start" => {
                self.close(out);
                self.start(event.get("content_block").unwrap_or(&Value::Null), out);
            }
            "content_block_delta" => {
                self.delta(event.get("delta").unwrap_or(&Value::Null), out);
            }
            "content_block_stop" => self.close(out),
            "message_delta" => {
                self.finish = word("/delta/stop_reason")
                    .map(str::to_owned)
                    .or(self.finish.take());
                self.stop_sequence = word("/delta/stop_sequence").map(str::to_owned);
                self.count(event.get("usage"));
            }
            "message_stop" => {
                self.close(out);
                self.done = true;
            }
            "error" => return Err(trouble::read(event.get("error").unwrap_or(&event))),
            // `ping`, and what is yet to be invented.
            _ => {}
        }
        for piece in out.iter().skip(from) {
            self.assembly.push(piece);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done || self.finish.is_some()
    }

    fn usage(&self) -> Usage {
        self.counts.usage()
    }

    fn answer(&mut self) -> ChatAnswer {
        ChatAnswer {
            parts: self.assembly.take(),
            finish: read_finish(self.finish.as_deref()),
            stop_sequence: self.stop_sequence.clone(),
            usage: self.counts.usage(),
            model: self.model.clone(),
        }
    }
}

impl Events {
    fn count(&mut self, usage: Option<&Value>) {
        self.counts.read(usage.unwrap_or(&Value::Null));
    }

    fn start(&mut self, block: &Value, out: &mut Vec<Piece>) {
        let word = |name: &str| {
            let text = block.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let said = |text: String, piece: fn(String) -> Piece| {
            Some(text).filter(|text| !text.is_empty()).map(piece)
        };
        match word("type").as_str() {
            "text" => out.extend(said(word("text"), Piece::Text)),
            "thinking" => {
                out.extend(said(word("thinking"), Piece::Thinking));
                self.open = Some(Open::Thinking(word("signature")));
            }
            "redacted_thinking" => out.push(Piece::RedactedThinking(word("data"))),
            "tool_use" => {
                let input = block.get("input").filter(|input| input.is_object());
                let input = input.map_or_else(|| "{}".to_owned(), Value::to_string);
                self.open = Some(Open::Call(self.calls, Some(input)));
                out.push(Piece::ToolCall {
                    index: self.calls,
                    id: word("id"),
                    name: word("name"),
                });
                self.calls += 1;
            }
            _ => {}
        }
    }

    fn delta(&mut self, delta: &Value, out: &mut Vec<Piece>) {
        let word = |name: &str| {
            let text = delta.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        out.extend(word("text").map(Piece::Text));
        out.extend(word("thinking").map(Piece::Thinking));
        match &mut self.open {
            Some(Open::Call(index, input)) => {
                if let Some(text) = word("partial_json") {
                    *input = None;
                    let index = *index;
                    out.push(Piece::Arguments { index, text });
                }
            }
            Some(Open::Thinking(signature)) => {
                if let Some(text) = word("signature") {
                    *signature = text;
                }
            }
            None => {}
        }
    }

    fn close(&mut self, out: &mut Vec<Piece>) {
        match self.open.take() {
            Some(Open::Call(index, Some(text))) => out.push(Piece::Arguments { index, text }),
            Some(Open::Thinking(signature)) if !signature.is_empty() => {
                out.push(Piece::Signature(signature));
            }
            _ => {}
        }
    }
}
