//! Chat completions' streams, as callers read them.

use serde_json::{Value, json};

use super::{
    super::{
        Dialect, Encoder, Meta, Trouble, frame,
        sequence::{Block, Sequence, Writer},
        trouble,
    },
    answer::{id, write_finish, write_usage},
};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Usage};

pub fn encoder(meta: Meta) -> Box<dyn Encoder> {
    Box::new(Sequence::new(Chunks { meta }))
}

struct Chunks {
    meta: Meta,
}

impl Chunks {
    fn chunk(&self, choices: &Value, usage: &Value, out: &mut String) {
        let mut chunk = json!({
            "id": id(&self.meta),
            "object": "chat.completion.chunk",
            "created": self.meta.created_s,
            "model": self.meta.model,
            "choices": choices,
        });
        // Whoever asked for usage gets the field in every chunk, null until the last.
        if let Some(chunk) = chunk.as_object_mut().filter(|_| self.meta.include_usage) {
            chunk.insert("usage".into(), usage.clone());
        }
        frame("", &chunk, out);
    }

    fn say(&self, delta: &Value, finish: Option<&str>, out: &mut String) {
        let choice =
            json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        self.chunk(&json!([choice]), &Value::Null, out);
    }
}

impl Writer for Chunks {
    fn start(&mut self, _: &Usage, out: &mut String) {
        self.say(&json!({ "role": "assistant", "content": "" }), None, out);
    }

    fn open(&mut self, block: &Block, out: &mut String) {
        if let Block::Call { index, id, name } = block {
            let function = json!({ "name": name, "arguments": "" });
            let call =
                json!({ "index": index, "id": id, "type": "function", "function": function });
            self.say(&json!({ "tool_calls": [call] }), None, out);
        }
    }

    fn delta(&mut self, block: &Block, text: &str, out: &mut String) {
        let delta = match block {
            Block::Text => json!({ "content": text }),
            Block::Refusal => json!({ "refusal": text }),
            // No field of OpenAI's own, but what most servers of its dialect call it.
            Block::Thinking => json!({ "reasoning_content": text }),
            Block::Call { index, .. } => {
                json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] })
            }
            Block::Redacted(_) => return,
        };
        self.say(&delta, None, out);
    }

    fn close(&mut self, _: &Block, _: &str, _: Option<&str>, _: &mut String) {}

    fn end(&mut self, answer: &ChatAnswer, out: &mut String) {
        self.say(&json!({}), Some(write_finish(answer.finish)), out);
        if self.meta.include_usage {
            self.chunk(&json!([]), &write_usage(&answer.usage), out);
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn fail(&mut self, trouble: &Trouble, out: &mut String) {
        frame(
            "",
            &trouble::write(Dialect::Openai, trouble, &self.meta.id),
            out,
        );
    }
}
