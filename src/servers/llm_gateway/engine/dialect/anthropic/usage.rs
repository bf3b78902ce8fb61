//! Usage in Anthropic's words: `input_tokens` is only what was neither read from the cache nor written to it.

use serde_json::{Map, Value, json};

use super::super::set;
use crate::servers::llm_gateway::engine::chat::Usage;

/// Tokens as Anthropic counts them. In a stream each report replaces what it names, and leaves the rest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    fresh: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    written_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    /// Takes over what a `usage` object says.
    pub fn read(&mut self, usage: &Value) {
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
        for (known, pointer) in [
            (&mut self.fresh, "/input_tokens"),
            (&mut self.read, "/cache_read_input_tokens"),
            (&mut self.written, "/cache_creation_input_tokens"),
            (
                &mut self.written_1h,
                "/cache_creation/ephemeral_1h_input_tokens",
            ),
            (&mut self.output, "/output_tokens"),
            (&mut self.thinking, "/output_tokens_details/thinking_tokens"),
        ] {
            *known = count(pointer).or(*known);
        }
    }

    pub fn usage(&self) -> Usage {
        let cache = self
            .read
            .unwrap_or(0)
            .saturating_add(self.written.unwrap_or(0));
        Usage {
            input: self.fresh.map(|fresh| fresh.saturating_add(cache)),
            cached: self.read,
            written: self.written,
            written_1h: self.written_1h,
            output: self.output,
            reasoning: self.thinking,
        }
    }
}

/// Writes a `usage` object; input and output are always there.
pub fn write(usage: &Usage) -> Value {
    let (read, written) = (usage.cached.unwrap_or(0), usage.written.unwrap_or(0));
    let cache = read.saturating_add(written);
    let fresh = usage.input.unwrap_or(0).saturating_sub(cache);
    let mut out = Map::new();
    out.insert("input_tokens".into(), json!(fresh));
    set(&mut out, "cache_creation_input_tokens", usage.written);
    set(&mut out, "cache_read_input_tokens", usage.cached);
    let split = usage.written_1h.map(|hour| {
        json!({
            "ephemeral_5m_input_tokens": written.saturating_sub(hour),
            "ephemeral_1h_input_tokens": hour,
        })
    });
    set(&mut out, "cache_creation", split);
    out.insert("output_tokens".into(), json!(usage.output.unwrap_or(0)));
    let thinking = usage
        .reasoning
        .map(|tokens| json!({ "thinking_tokens": tokens }));
    set(&mut out, "output_tokens_details", thinking);
    Value::Object(out)
}
