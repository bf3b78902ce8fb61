//! Chat completions' answers, as callers read them; and the dialect's words for usage and ends.

use serde_json::{Map, Value, json};

use super::super::{Meta, set};
use crate::servers::llm_gateway::engine::chat::{ChatAnswer, Finish, Part, Usage};

pub fn write_answer(meta: &Meta, answer: &ChatAnswer) -> Value {
    json!({
        "id": id(meta),
        "object": "chat.completion",
        "created": meta.created_s,
        "model": meta.model,
        "choices": [{
            "index": 0,
            "message": message(&answer.parts),
            "logprobs": null,
            "finish_reason": write_finish(answer.finish),
        }],
        "usage": write_usage(&answer.usage),
    })
}

pub fn id(meta: &Meta) -> String {
    format!("chatcmpl-{}", meta.id)
}

fn message(parts: &[Part]) -> Value {
    let (mut text, mut refusal, mut thought) = (None, None, None);
    let mut calls = Vec::new();
    for part in parts {
        let (whole, more) = match part {
            Part::Text { text: more, .. } => (&mut text, more),
            Part::Refusal(more) => (&mut refusal, more),
            Part::Thinking { text: more, .. } => (&mut thought, more),
            Part::ToolCall(call) => {
                calls.push(json!({
                    "id": call.id,
                    "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments },
                }));
                continue;
            }
            _ => continue,
        };
        whole.get_or_insert_with(String::new).push_str(more);
    }
    let mut message = Map::new();
    message.insert("role".into(), json!("assistant"));
    message.insert("content".into(), json!(text));
    message.insert("refusal".into(), json!(refusal));
    set(&mut message, "reasoning_content", thought);
    set(
        &mut message,
        "tool_calls",
        Some(calls).filter(|calls| !calls.is_empty()),
    );
    Value::Object(message)
}

pub fn write_finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::Other => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}

fn read_finish(reason: &str) -> Finish {
    match reason {
        "stop" | "eos" | "end_turn" => Finish::Stop,
        "length" | "max_tokens" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

/// Why an answer ended. Some servers say `stop` though tools are to be called.
pub fn finish(reason: Option<&str>, called: bool) -> Finish {
    match reason.map_or(Finish::Other, read_finish) {
        Finish::Stop | Finish::Other if called => Finish::ToolCalls,
        finish => finish,
    }
}

/// `null` where nothing is known.
pub fn write_usage(usage: &Usage) -> Value {
    if *usage == Usage::default() {
        return Value::Null;
    }
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    let mut prompt = Map::new();
    set(&mut prompt, "cached_tokens", usage.cached);
    set(&mut prompt, "cache_write_tokens", usage.written);
    let mut completion = Map::new();
    set(&mut completion, "reasoning_tokens", usage.reasoning);
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    })
}

/// Reads a `usage` object.
pub fn read_usage(usage: &Value) -> Usage {
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
    Usage {
        input: count("/prompt_tokens"),
        // DeepSeek's own name for it is the second.
        cached: count("/prompt_tokens_details/cached_tokens")
            .or_else(|| count("/prompt_cache_hit_tokens")),
        written: count("/prompt_tokens_details/cache_write_tokens"),
        written_1h: None,
        output: count("/completion_tokens"),
        reasoning: count("/completion_tokens_details/reasoning_tokens"),
    }
}
