//! Responses, whole; and the items that they are made of.

use serde_json::{Map, Value, json};

use super::super::{Meta, sequence::Block};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Finish, Part, Usage};

/// Begins what goes for encrypted thinking, where a provider keeps all of it to itself: it has to be told from a signature when it comes
/// back.
pub const REDACTED: &str = "redacted_thinking:";

pub fn write_answer(meta: &Meta, answer: &ChatAnswer) -> Value {
    let mut calls = 0;
    let mut output = Vec::new();
    for part in &answer.parts {
        let (block, text, signature) = match part {
            Part::Text { text, .. } => (Block::Text, text.as_str(), None),
            Part::Refusal(text) => (Block::Refusal, text.as_str(), None),
            Part::Thinking { text, signature } => {
                (Block::Thinking, text.as_str(), signature.as_deref())
            }
            Part::RedactedThinking(data) => (Block::Redacted(data.clone()), "", None),
            Part::ToolCall(call) => {
                let (index, id, name) = (calls, call.id.clone(), call.name.clone());
                calls += 1;
                (
                    Block::Call { index, id, name },
                    call.arguments.as_str(),
                    None,
                )
            }
            // Models say none of these.
            Part::Image(_) | Part::File { .. } | Part::Audio(_) | Part::ToolResult { .. } => {
                continue;
            }
        };
        let mut item = begun(meta, &block, output.len());
        finish(&mut item, &block, text, signature);
        output.push(Value::Object(item));
    }
    ended(meta, answer, output)
}

/// A response that ended as it should, or early.
pub fn ended(meta: &Meta, answer: &ChatAnswer, output: Vec<Value>) -> Value {
    let reason = match answer.finish {
        Finish::Length => Some("max_output_tokens"),
        Finish::ContentFilter => Some("content_filter"),
        _ => None,
    };
    let status = if reason.is_some() {
        "incomplete"
    } else {
        "completed"
    };
    let mut response = response(meta, status, output);
    if let Some(reason) = reason {
        response.insert("incomplete_details".into(), json!({ "reason": reason }));
    }
    response.insert("usage".into(), write_usage(&answer.usage));
    Value::Object(response)
}

/// A response, as far as it has come.
pub fn response(meta: &Meta, status: &str, output: Vec<Value>) -> Map<String, Value> {
    let mut response = Map::new();
    response.insert("id".into(), json!(format!("resp_{}", meta.id)));
    response.insert("object".into(), json!("response"));
    response.insert("created_at".into(), json!(meta.created_s));
    response.insert("status".into(), json!(status));
    response.insert("error".into(), Value::Null);
    response.insert("incomplete_details".into(), Value::Null);
    response.insert("instructions".into(), Value::Null);
    response.insert("model".into(), json!(meta.model));
    response.insert("output".into(), Value::Array(output));
    // The SDKs' types demand these three, which repeat the request.
    response.insert("parallel_tool_calls".into(), json!(true));
    response.insert("tool_choice".into(), json!("auto"));
    response.insert("tools".into(), json!([]));
    response.insert("store".into(), json!(false));
    response.insert("metadata".into(), json!({}));
    response.insert("usage".into(), Value::Null);
    response
}

/// An item that has just begun.
pub fn begun(meta: &Meta, block: &Block, index: usize) -> Map<String, Value> {
    let (prefix, kind) = match block {
        Block::Text | Block::Refusal => ("msg", "message"),
        Block::Thinking | Block::Redacted(_) => ("rs", "reasoning"),
        Block::Call { .. } => ("fc", "function_call"),
    };
    let mut item = Map::new();
    item.insert("id".into(), json!(format!("{prefix}_{}_{index}", meta.id)));
    item.insert("type".into(), json!(kind));
    item.insert("status".into(), json!("in_progress"));
    match block {
        Block::Text | Block::Refusal => {
            item.insert("role".into(), json!("assistant"));
            item.insert("content".into(), json!([]));
        }
        Block::Thinking | Block::Redacted(_) => {
            item.insert("summary".into(), json!([]));
        }
        Block::Call { id, name, .. } => {
            item.insert("call_id".into(), json!(id));
            item.insert("name".into(), json!(name));
            item.insert("arguments".into(), json!(""));
        }
    }
    item
}

/// Ends an item with all that was said in it.
pub fn finish(item: &mut Map<String, Value>, block: &Block, text: &str, signature: Option<&str>) {
    item.insert("status".into(), json!("completed"));
    match block {
        Block::Text | Block::Refusal => {
            item.insert("content".into(), json!([part(block, text)]));
        }
        Block::Thinking => {
            if !text.is_empty() {
                item.insert("summary".into(), json!([part(block, text)]));
            }
            item.insert("encrypted_content".into(), json!(signature));
        }
        Block::Redacted(data) => {
            item.insert(
                "encrypted_content".into(),
                json!(format!("{REDACTED}{data}")),
            );
        }
        Block::Call { .. } => {
            item.insert("arguments".into(), json!(text));
        }
    }
}

/// The content of an item.
pub fn part(block: &Block, text: &str) -> Value {
    match block {
        Block::Refusal => json!({ "type": "refusal", "refusal": text }),
        Block::Thinking => json!({ "type": "summary_text", "text": text }),
        _ => json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }),
    }
}

/// `null` where nothing is known.
fn write_usage(usage: &Usage) -> Value {
    if *usage == Usage::default() {
        return Value::Null;
    }
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": usage.cached.unwrap_or(0),
            "cache_write_tokens": usage.written.unwrap_or(0),
        },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
        "total_tokens": input.saturating_add(output),
    })
}
