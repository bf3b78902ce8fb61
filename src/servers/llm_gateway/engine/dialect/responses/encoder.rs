//! Responses' streams, as callers read them.

use serde_json::{Map, Value, json};

use super::{
    super::{
        Encoder, Meta, Trouble, frame,
        sequence::{Block, Sequence, Writer},
    },
    answer::{begun, ended, finish, part, response},
};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Usage};

pub fn encoder(meta: Meta) -> Box<dyn Encoder> {
    Box::new(Sequence::new(Events {
        meta,
        sequence: 0,
        item: Map::new(),
        output: Vec::new(),
        part: false,
    }))
}

struct Events {
    meta: Meta,
    /// Of the next event.
    sequence: u64,
    /// The open item.
    item: Map<String, Value>,
    /// The items before it.
    output: Vec<Value>,
    /// Whether the open item's content part has begun.
    part: bool,
}

impl Events {
    /// Writes an event of `kind`, with `fields`.
    fn event(&mut self, kind: &str, fields: Value, out: &mut String) {
        let mut event = Map::new();
        event.insert("type".into(), json!(kind));
        event.insert("sequence_number".into(), json!(self.sequence));
        self.sequence += 1;
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        frame(kind, &Value::Object(event), out);
    }

    /// An event about the open item's content.
    fn inside(
        &mut self,
        block: &Block,
        kind: &str,
        field: Option<(&str, Value)>,
        out: &mut String,
    ) {
        let mut fields =
            json!({ "item_id": self.item.get("id"), "output_index": self.output.len() });
        if let Value::Object(fields) = &mut fields {
            match block {
                Block::Text | Block::Refusal => fields.insert("content_index".into(), json!(0)),
                Block::Thinking => fields.insert("summary_index".into(), json!(0)),
                Block::Call { .. } | Block::Redacted(_) => None,
            };
            fields.extend(field.map(|(name, value)| (name.to_owned(), value)));
            if *block == Block::Text && kind.starts_with("response.output_text") {
                fields.insert("logprobs".into(), json!([]));
            }
        }
        self.event(kind, fields, out);
    }

    fn begin_part(&mut self, block: &Block, out: &mut String) {
        if let Some((part_event, _)) = names(block).filter(|_| !self.part) {
            self.part = true;
            let kind = format!("{part_event}.added");
            self.inside(block, &kind, Some(("part", part(block, ""))), out);
        }
    }
}

/// What a part's events are called, and those of its text.
fn names(block: &Block) -> Option<(&'static str, &'static str)> {
    match block {
        Block::Text => Some(("response.content_part", "response.output_text")),
        Block::Refusal => Some(("response.content_part", "response.refusal")),
        Block::Thinking => Some((
            "response.reasoning_summary_part",
            "response.reasoning_summary_text",
        )),
        Block::Redacted(_) | Block::Call { .. } => None,
    }
}

impl Writer for Events {
    fn start(&mut self, _: &Usage, out: &mut String) {
        for kind in ["response.created", "response.in_progress"] {
            let response = response(&self.meta, "in_progress", Vec::new());
            self.event(kind, json!({ "response": response }), out);
        }
    }

    fn open(&mut self, block: &Block, out: &mut String) {
        self.item = begun(&self.meta, block, self.output.len());
        self.part = false;
        let fields = json!({ "output_index": self.output.len(), "item": self.item });
        self.event("response.output_item.added", fields, out);
    }

    fn delta(&mut self, block: &Block, text: &str, out: &mut String) {
        self.begin_part(block, out);
        let text_event = match (names(block), block) {
            (Some((_, text_event)), _) => text_event,
            (None, Block::Call { .. }) => "response.function_call_arguments",
            (None, _) => return,
        };
        let kind = format!("{text_event}.delta");
        self.inside(block, &kind, Some(("delta", json!(text))), out);
    }

    fn close(&mut self, block: &Block, text: &str, signature: Option<&str>, out: &mut String) {
        if let Some((part_event, text_event)) = names(block).filter(|_| self.part) {
            let field = if *block == Block::Refusal {
                "refusal"
            } else {
                "text"
            };
            let kind = format!("{text_event}.done");
            self.inside(block, &kind, Some((field, json!(text))), out);
            let kind = format!("{part_event}.done");
            self.inside(block, &kind, Some(("part", part(block, text))), out);
        }
        if let Block::Call { .. } = block {
            let kind = "response.function_call_arguments.done";
            self.inside(block, kind, Some(("arguments", json!(text))), out);
        }
        let mut item = std::mem::take(&mut self.item);
        finish(&mut item, block, text, signature);
        let item = Value::Object(item);
        let fields = json!({ "output_index": self.output.len(), "item": item });
        self.event("response.output_item.done", fields, out);
        self.output.push(item);
    }

    fn end(&mut self, answer: &ChatAnswer, out: &mut String) {
        let response = ended(&self.meta, answer, std::mem::take(&mut self.output));
        let whole = response.get("status").and_then(Value::as_str) == Some("completed");
        let kind = if whole {
            "response.completed"
        } else {
            "response.incomplete"
        };
        self.event(kind, json!({ "response": response }), out);
    }

    fn fail(&mut self, trouble: &Trouble, out: &mut String) {
        let code = match trouble.status {
            429 => "rate_limit_exceeded",
            400..500 => "invalid_prompt",
            _ => "server_error",
        };
        let error = json!({ "code": code, "message": trouble.message, "param": trouble.param });
        self.event("error", error, out);
        let output = std::mem::take(&mut self.output);
        let mut response = response(&self.meta, "failed", output);
        let error = json!({ "code": code, "message": trouble.message });
        response.insert("error".into(), error);
        self.event("response.failed", json!({ "response": response }), out);
    }
}
