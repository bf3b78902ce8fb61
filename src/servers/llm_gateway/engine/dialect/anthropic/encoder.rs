//! Messages' streams, as callers read them.

use serde_json::{Value, json};

use super::{
    super::{
        Dialect, Encoder, Meta, Trouble, frame,
        sequence::{Block, Sequence, Writer},
        trouble,
    },
    answer::{message, write_finish},
    usage,
};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Usage};

pub fn encoder(meta: Meta) -> Box<dyn Encoder> {
    Box::new(Sequence::new(Events { meta, index: 0 }))
}

struct Events {
    meta: Meta,
    /// Of the open block, or of the next.
    index: usize,
}

impl Events {
    fn change(&self, delta: &Value, out: &mut String) {
        let event = json!({ "type": "content_block_delta", "index": self.index, "delta": delta });
        frame("content_block_delta", &event, out);
    }
}

impl Writer for Events {
    fn start(&mut self, usage: &Usage, out: &mut String) {
        let message = message(&self.meta, Vec::new(), usage::write(usage));
        let event = json!({ "type": "message_start", "message": message });
        frame("message_start", &event, out);
    }

    fn open(&mut self, block: &Block, out: &mut String) {
        let block = match block {
            Block::Text | Block::Refusal => json!({ "type": "text", "text": "" }),
            Block::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            Block::Redacted(data) => json!({ "type": "redacted_thinking", "data": data }),
            Block::Call { id, name, .. } => {
                json!({ "type": "tool_use", "id": id, "name": name, "input": {} })
            }
        };
        let event =
            json!({ "type": "content_block_start", "index": self.index, "content_block": block });
        frame("content_block_start", &event, out);
    }

    fn delta(&mut self, block: &Block, text: &str, out: &mut String) {
        let delta = match block {
            Block::Text | Block::Refusal => json!({ "type": "text_delta", "text": text }),
            Block::Thinking => json!({ "type": "thinking_delta", "thinking": text }),
            Block::Call { .. } => json!({ "type": "input_json_delta", "partial_json": text }),
            Block::Redacted(_) => return,
        };
        self.change(&delta, out);
    }

    fn close(&mut self, _: &Block, _: &str, signature: Option<&str>, out: &mut String) {
        if let Some(signature) = signature {
            let delta = json!({ "type": "signature_delta", "signature": signature });
            self.change(&delta, out);
        }
        let event = json!({ "type": "content_block_stop", "index": self.index });
        frame("content_block_stop", &event, out);
        self.index += 1;
    }

    fn end(&mut self, answer: &ChatAnswer, out: &mut String) {
        let event = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": write_finish(answer.finish),
                "stop_sequence": answer.stop_sequence,
            },
            "usage": usage::write(&answer.usage),
        });
        frame("message_delta", &event, out);
        frame("message_stop", &json!({ "type": "message_stop" }), out);
    }

    fn fail(&mut self, trouble: &Trouble, out: &mut String) {
        let event = trouble::write(Dialect::Anthropic, trouble, &self.meta.id);
        frame("error", &event, out);
    }
}
