//! Requests for messages, as providers want them.

use serde_json::{Map, Value, json};

use super::{
    super::set,
    generation::is_sampled,
    reasoning::{Thinking, budget},
};
use crate::servers::llm_gateway::engine::{
    chat::{ChatRequest, Format, Media, Message, Part, Role, ToolCall, ToolChoice, ToolDef},
    dialect::media,
};

/// Most tokens of the answer where neither the caller nor the model's table knows: the dialect needs a number.
const MAX_TOKENS: u32 = 4096;

/// Writes a request. `seed` and the penalties have no place in this dialect and are left out, as is thinking without a signature.
pub fn write_request(request: &ChatRequest) -> Value {
    let wished = request.reasoning.as_ref().map_or(0, budget);
    let max_tokens = request
        .max_tokens
        .unwrap_or_else(|| wished.saturating_add(MAX_TOKENS));
    let thinking = Thinking::of(request, max_tokens);

    let mut body = Map::new();
    let mut config = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("max_tokens".into(), json!(max_tokens));
    set(
        &mut body,
        "system",
        Some(system(request)).filter(|blocks| !blocks.is_empty()),
    );
    body.insert("messages".into(), turns(&request.messages));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        body.insert("tools".into(), json!(tools));
        set(&mut body, "tool_choice", tool_choice(request));
    }
    set(
        &mut body,
        "stop_sequences",
        Some(&request.stop).filter(|stop| !stop.is_empty()),
    );
    sample(request, &thinking, &mut body);
    thinking.write(&mut body, &mut config);
    if let Format::JsonSchema { schema, .. } = &request.format {
        config.insert(
            "format".into(),
            json!({ "type": "json_schema", "schema": schema }),
        );
    }
    set(
        &mut body,
        "output_config",
        Some(config).filter(|config| !config.is_empty()),
    );
    set(&mut body, "stream", request.stream.then_some(true));
    Value::Object(body)
}

/// Temperature goes up to 1 here. A model that thinks takes none of these, newer ones never do, and some not both of the first two.
fn sample(request: &ChatRequest, thinking: &Thinking, body: &mut Map<String, Value>) {
    if thinking.is_on() || !is_sampled(&request.model) {
        return;
    }
    let temperature = request.temperature.map(|temperature| temperature.min(1.0));
    set(body, "temperature", temperature);
    if temperature.is_none() {
        set(body, "top_p", request.top_p);
    }
    set(body, "top_k", request.top_k);
}

/// Instructions, wherever they stood among the turns.
fn system(request: &ChatRequest) -> Vec<Value> {
    let said = request
        .messages
        .iter()
        .filter(|message| message.role == Role::System);
    let mut blocks: Vec<Value> = said
        .flat_map(|message| &message.parts)
        .filter_map(block)
        .collect();
    if request.format == Format::JsonObject {
        // The dialect has no other way to ask for it.
        let text = "Answer with one JSON object and nothing else: no prose, no code fence.";
        blocks.push(json!({ "type": "text", "text": text }));
    }
    blocks
}

/// Turns of user and assistant by turns; a user's turn begins with the results of tools.
fn turns(messages: &[Message]) -> Value {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let role = match message.role {
            Role::System => continue,
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let blocks = message.parts.iter().filter_map(block);
        match turns.last_mut().filter(|(last, _)| *last == role) {
            Some((_, last)) => last.extend(blocks),
            None => turns.push((role, blocks.collect())),
        }
    }
    for (_, blocks) in &mut turns {
        let after =
            |block: &Value| block.get("type").and_then(Value::as_str) != Some("tool_result");
        blocks.sort_by_key(after);
    }
    turns
        .into_iter()
        .filter(|(_, blocks)| !blocks.is_empty())
        .map(|(role, content)| json!({ "role": role, "content": content }))
        .collect()
}

/// A content block; none for what the API would refuse: empty text, thinking without proof.
fn block(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, cache } => {
            let mut block = Map::new();
            block.insert("type".into(), json!("text"));
            block.insert("text".into(), json!(text));
            set(&mut block, "cache_control", cache.as_ref());
            (!text.is_empty()).then_some(Value::Object(block))
        }
        Part::Refusal(text) => (!text.is_empty()).then(|| json!({ "type": "text", "text": text })),
        Part::Image(media) => Some(json!({ "type": "image", "source": source(media) })),
        Part::File { name, media } => {
            let mut block = Map::new();
            block.insert("type".into(), json!("document"));
            block.insert("source".into(), source(media));
            set(&mut block, "title", name.as_deref());
            Some(Value::Object(block))
        }
        // Not part of the dialect: the provider says so better than silence would.
        Part::Audio(media) => Some(json!({ "type": "audio", "source": source(media) })),
        Part::ToolCall(call) => Some(json!({
            "type": "tool_use",
            "id": id(&call.id),
            "name": call.name,
            "input": input(call),
        })),
        Part::ToolResult {
            id: call,
            content,
            failed,
        } => {
            let mut block = Map::new();
            block.insert("type".into(), json!("tool_result"));
            block.insert("tool_use_id".into(), json!(id(call)));
            let content: Vec<Value> = content.iter().filter_map(self::block).collect();
            set(
                &mut block,
                "content",
                Some(content).filter(|content| !content.is_empty()),
            );
            set(&mut block, "is_error", failed.then_some(true));
            Some(Value::Object(block))
        }
        Part::Thinking { text, signature } => {
            let signature = signature.as_ref()?;
            Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
        }
        Part::RedactedThinking(data) => Some(json!({ "type": "redacted_thinking", "data": data })),
    }
}

/// Other providers' ids may have characters that the API refuses.
fn id(id: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}

/// A call's arguments as an object, which the dialect demands; what is none is kept as text in one.
pub fn input(call: &ToolCall) -> Value {
    if call.arguments.trim().is_empty() {
        return json!({});
    }
    let parsed = serde_json::from_str(&call.arguments).ok();
    parsed
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({ "_invalid_json": call.arguments }))
}

fn source(media: &Media) -> Value {
    match (media, media::text(media)) {
        (Media::Url(url), _) => json!({ "type": "url", "url": url }),
        (_, Some(text)) => json!({ "type": "text", "media_type": "text/plain", "data": text }),
        (Media::Base64 { media_type, data }, None) => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
    }
}

fn tool(tool: &ToolDef) -> Value {
    let mut out = Map::new();
    out.insert("name".into(), json!(tool.name));
    set(&mut out, "description", tool.description.as_deref());
    out.insert("input_schema".into(), tool.parameters.clone());
    set(&mut out, "strict", tool.strict.filter(|strict| *strict));
    set(&mut out, "cache_control", tool.cache.as_ref());
    Value::Object(out)
}

fn tool_choice(request: &ChatRequest) -> Option<Value> {
    let alone = request.parallel_tool_calls.map(|parallel| !parallel);
    let mut choice = Map::new();
    let kind = match &request.tool_choice {
        None => {
            alone?;
            "auto"
        }
        Some(ToolChoice::Auto) => "auto",
        Some(ToolChoice::Required) => "any",
        Some(ToolChoice::None) => return Some(json!({ "type": "none" })),
        Some(ToolChoice::Tool(name)) => {
            choice.insert("name".into(), json!(name));
            "tool"
        }
    };
    choice.insert("type".into(), json!(kind));
    set(&mut choice, "disable_parallel_tool_use", alone);
    Some(Value::Object(choice))
}
