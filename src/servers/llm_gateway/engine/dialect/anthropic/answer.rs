//! Messages' answers, whole; and their words for ends.

use serde_json::{Map, Value, json};

use super::{
    super::{Meta, trouble},
    usage::{self, Counts},
    write_request::input,
};
use crate::servers::llm_gateway::engine::{
    chat::{ChatAnswer, Finish, Part, ToolCall},
    failure::Failure,
};

pub fn write_answer(meta: &Meta, answer: &ChatAnswer) -> Value {
    let content: Vec<Value> = answer.parts.iter().filter_map(block).collect();
    let mut message = message(meta, content, usage::write(&answer.usage));
    message.insert("stop_reason".into(), json!(write_finish(answer.finish)));
    message.insert("stop_sequence".into(), json!(answer.stop_sequence));
    Value::Object(message)
}

/// A message that has not ended yet.
pub fn message(meta: &Meta, content: Vec<Value>, usage: Value) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("id".into(), json!(format!("msg_{}", meta.id)));
    message.insert("type".into(), json!("message"));
    message.insert("role".into(), json!("assistant"));
    message.insert("model".into(), json!(meta.model));
    message.insert("content".into(), Value::Array(content));
    message.insert("stop_reason".into(), Value::Null);
    message.insert("stop_sequence".into(), Value::Null);
    message.insert("usage".into(), usage);
    message
}

fn block(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => {
            Some(json!({ "type": "text", "text": text }))
        }
        Part::Thinking { text, signature } => {
            let signature = signature.as_deref().unwrap_or_default();
            Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
        }
        Part::RedactedThinking(data) => Some(json!({ "type": "redacted_thinking", "data": data })),
        Part::ToolCall(call) => Some(json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": input(call),
        })),
        // Models say none of these.
        Part::Image(_) | Part::File { .. } | Part::Audio(_) | Part::ToolResult { .. } => None,
    }
}

pub fn write_finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Other => "end_turn",
        Finish::StopSequence => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
    }
}

pub fn read_finish(reason: Option<&str>) -> Finish {
    match reason {
        Some("end_turn") => Finish::Stop,
        Some("stop_sequence") => Finish::StopSequence,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("tool_use") => Finish::ToolCalls,
        Some("refusal") => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

pub fn read_answer(body: &Value) -> Result<ChatAnswer, Failure> {
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(trouble::read(error));
    }
    let content = body.get("content").and_then(Value::as_array);
    let content = content.ok_or_else(|| trouble::nonsense("there is no content in it"))?;
    let word = |name: &str| body.get(name).and_then(Value::as_str);
    let mut counts = Counts::default();
    counts.read(body.get("usage").unwrap_or(&Value::Null));
    Ok(ChatAnswer {
        parts: content.iter().filter_map(read_block).collect(),
        finish: read_finish(word("stop_reason")),
        stop_sequence: word("stop_sequence").map(str::to_owned),
        usage: counts.usage(),
        model: word("model").map(str::to_owned),
    })
}

fn read_block(block: &Value) -> Option<Part> {
    let word = |name: &str| block.get(name)?.as_str().map(str::to_owned);
    match block.get("type")?.as_str()? {
        "text" => Some(Part::text(word("text")?)),
        "thinking" => Some(Part::Thinking {
            text: word("thinking")?,
            signature: word("signature").filter(|signature| !signature.is_empty()),
        }),
        "redacted_thinking" => Some(Part::RedactedThinking(word("data")?)),
        "tool_use" => Some(Part::ToolCall(ToolCall {
            id: word("id")?,
            name: word("name")?,
            arguments: block
                .get("input")
                .map_or_else(|| "{}".to_owned(), Value::to_string),
        })),
        _ => None,
    }
}
