//! Chat completions' requests, as providers want them.

use serde_json::{Map, Value, json};

use super::super::{media, set};
use crate::servers::llm_gateway::engine::chat::{
    ChatRequest, Format, Media, Part, Reasoning, Role, ToolChoice, ToolDef,
};

/// Writes a request. `top_k` and cache marks have no place in this dialect and are left out.
pub fn write_request(request: &ChatRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), messages(request));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        body.insert("tools".into(), json!(tools));
        set(
            &mut body,
            "tool_choice",
            request.tool_choice.as_ref().map(tool_choice),
        );
        set(
            &mut body,
            "parallel_tool_calls",
            request.parallel_tool_calls,
        );
    }
    set(&mut body, "response_format", format(&request.format));
    let name = if reasons(&request.model) == Some(true) {
        "max_completion_tokens"
    } else {
        // Not all servers of this dialect know the newer name.
        "max_tokens"
    };
    set(&mut body, name, request.max_tokens);
    set(&mut body, "temperature", request.temperature);
    set(&mut body, "top_p", request.top_p);
    set(
        &mut body,
        "stop",
        Some(&request.stop).filter(|stop| !stop.is_empty()),
    );
    set(&mut body, "seed", request.seed);
    set(&mut body, "presence_penalty", request.presence_penalty);
    set(&mut body, "frequency_penalty", request.frequency_penalty);
    set(&mut body, "reasoning_effort", effort(request));
    if request.stream {
        body.insert("stream".into(), json!(true));
        body.insert("stream_options".into(), json!({ "include_usage": true }));
    }
    Value::Object(body)
}

/// For OpenAI's own models (`gpt-4o`, `o3`, `gpt-5-mini`), whether they reason; nothing for those of others.
fn reasons(model: &str) -> Option<bool> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let generation = |name: &str| name.bytes().next().filter(u8::is_ascii_digit);
    if name.strip_prefix('o').and_then(generation).is_some() {
        return Some(true);
    }
    match name.strip_prefix("gpt-").and_then(generation) {
        Some(generation) => Some(generation >= b'5'),
        None => name.starts_with("chatgpt-").then_some(false),
    }
}

/// How much to think, for all but OpenAI's models that cannot and refuse to be asked.
fn effort(request: &ChatRequest) -> Option<&str> {
    if reasons(&request.model) == Some(false) {
        return None;
    }
    match request.reasoning.as_ref()? {
        Reasoning::Effort(effort) => Some(effort),
        Reasoning::Budget(..4096) => Some("low"),
        Reasoning::Budget(..16_384) => Some("medium"),
        Reasoning::Budget(_) => Some("high"),
        // What means "none" differs from model to model; unasked, those that need not think do not.
        Reasoning::Off => None,
    }
}

fn tool(tool: &ToolDef) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), json!(tool.name));
    set(&mut function, "description", tool.description.as_deref());
    function.insert("parameters".into(), tool.parameters.clone());
    set(&mut function, "strict", tool.strict);
    json!({ "type": "function", "function": function })
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}

fn format(format: &Format) -> Option<Value> {
    match format {
        Format::Text => None,
        Format::JsonObject => Some(json!({ "type": "json_object" })),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut wanted = Map::new();
            wanted.insert("name".into(), json!(name));
            set(&mut wanted, "description", description.as_deref());
            wanted.insert("schema".into(), schema.clone());
            set(&mut wanted, "strict", *strict);
            Some(json!({ "type": "json_schema", "json_schema": wanted }))
        }
    }
}

fn messages(request: &ChatRequest) -> Value {
    // OpenAI's own models take no thoughts back.
    let open = reasons(&request.model).is_none();
    let mut out = Vec::new();
    // Pictures that tools returned. Results of tools are text in this dialect, and must follow their calls without a gap.
    let mut pictures: Vec<Value> = Vec::new();
    for message in &request.messages {
        if message.role != Role::Tool && !pictures.is_empty() {
            out.push(json!({ "role": "user", "content": std::mem::take(&mut pictures) }));
        }
        match message.role {
            Role::System => {
                out.push(json!({ "role": "system", "content": content(&message.parts) }));
            }
            Role::User => out.push(json!({ "role": "user", "content": content(&message.parts) })),
            Role::Assistant => out.push(assistant(&message.parts, open)),
            Role::Tool => {
                for part in &message.parts {
                    result(part, &mut out, &mut pictures);
                }
            }
        }
    }
    if !pictures.is_empty() {
        out.push(json!({ "role": "user", "content": pictures }));
    }
    Value::Array(out)
}

/// What the model said. Models that think in the open want what they thought before a call back.
fn assistant(parts: &[Part], open: bool) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), json!("assistant"));
    let words: Vec<&str> = parts.iter().filter_map(word).collect();
    let content = (!words.is_empty()).then(|| words.concat());
    message.insert("content".into(), json!(content));
    let refusal = parts.iter().find_map(|part| match part {
        Part::Refusal(text) => Some(text.as_str()),
        _ => None,
    });
    set(&mut message, "refusal", refusal);
    let thought = |part: &Part| match part {
        // A signature is another dialect's.
        Part::Thinking {
            text,
            signature: None,
        } => Some(text.clone()),
        _ => None,
    };
    let call = |part: &Part| match part {
        Part::ToolCall(call) => Some(json!({
            "id": call.id,
            "type": "function",
            "function": { "name": call.name, "arguments": call.arguments },
        })),
        _ => None,
    };
    let calls: Vec<Value> = parts.iter().filter_map(call).collect();
    if open && !calls.is_empty() {
        let thoughts: String = parts.iter().filter_map(thought).collect();
        set(
            &mut message,
            "reasoning_content",
            Some(thoughts).filter(|text| !text.is_empty()),
        );
    }
    set(
        &mut message,
        "tool_calls",
        Some(calls).filter(|calls| !calls.is_empty()),
    );
    Value::Object(message)
}

fn result(part: &Part, out: &mut Vec<Value>, pictures: &mut Vec<Value>) {
    let Part::ToolResult {
        id,
        content,
        failed,
    } = part
    else {
        return;
    };
    let mut text = lines(content);
    let shown: Vec<Value> = content
        .iter()
        .filter(|part| word(part).is_none())
        .map(self::part)
        .collect();
    if !shown.is_empty() {
        if text.is_empty() {
            "The result is in the next message.".clone_into(&mut text);
        }
        pictures.push(json!({ "type": "text", "text": format!("Result of tool call {id}:") }));
        pictures.extend(shown);
    }
    if *failed {
        text.insert_str(0, "Error: ");
    }
    out.push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
}

/// One string where all is text, as not every server of this dialect takes parts; else parts.
fn content(parts: &[Part]) -> Value {
    if parts.iter().all(|part| word(part).is_some()) {
        return json!(lines(parts));
    }
    parts.iter().map(part).collect()
}

fn lines(parts: &[Part]) -> String {
    parts.iter().filter_map(word).collect::<Vec<_>>().join("\n")
}

fn word(part: &Part) -> Option<&str> {
    match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Image(media) => {
            json!({ "type": "image_url", "image_url": { "url": media::url(media) } })
        }
        Part::Audio(Media::Base64 { media_type, data }) => {
            let format = if media_type == "audio/wav" {
                "wav"
            } else {
                "mp3"
            };
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } })
        }
        Part::File { name, media } => match media::text(media) {
            Some(text) => {
                let title = name
                    .as_ref()
                    .map(|name| format!("{name}:\n"))
                    .unwrap_or_default();
                json!({ "type": "text", "text": title + &text })
            }
            // An address is not part of the dialect: the provider says so better than silence would.
            None => json!({
                "type": "file",
                "file": { "filename": name.as_deref().unwrap_or("document.pdf"), "file_data": media::url(media) },
            }),
        },
        Part::Audio(media) => {
            json!({ "type": "input_audio", "input_audio": { "data": media::url(media) } })
        }
        other => json!({ "type": "text", "text": word(other).unwrap_or_default() }),
    }
}
