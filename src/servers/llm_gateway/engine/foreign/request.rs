//! A chat and its options as genai takes them.

use genai::chat::{
    Binary, BinarySource, ChatMessage, ChatOptions, ChatRequest as Foreign, ChatResponseFormat,
    ContentPart, JsonSpec, ReasoningEffort, Tool, ToolCall, ToolChoice as ForeignChoice,
    ToolResponse,
};
use serde_json::{Value, json};

use super::super::{
    chat::{ChatRequest, Format, Media, Message, Part, Reasoning, Role, ToolChoice, ToolDef},
    failure::{Failure, Kind},
    http::Timeouts,
};

/// What genai would change without a word is refused: it takes the end of such a name for an effort, and sends the rest.
pub fn check(request: &ChatRequest) -> Result<(), Failure> {
    if request.reasoning.is_none() && ReasoningEffort::from_model_name(&request.model).0.is_some() {
        return Err(Failure::new(
            Kind::BadRequest,
            "a model whose name ends like an effort can only be asked with an effort: set reasoning_effort",
        ));
    }
    Ok(())
}

/// The chat itself.
pub fn chat(request: &ChatRequest) -> Foreign {
    let messages = request.messages.iter().map(message).collect();
    let foreign = Foreign::new(messages);
    if request.tools.is_empty() {
        foreign
    } else {
        foreign.with_tools(request.tools.iter().map(tool))
    }
}

/// Everything else. `top_k` and penalties are wishes that genai has no words for.
pub fn options(request: &ChatRequest, timeouts: &Timeouts) -> ChatOptions {
    let mut options = ChatOptions::default()
        .with_capture_usage(true)
        .with_stop_sequences(request.stop.clone())
        .with_stream_header_timeout(timeouts.connect + timeouts.first_byte)
        .with_stream_read_timeout(timeouts.idle);
    options.temperature = request.temperature;
    options.top_p = request.top_p;
    options.max_tokens = request.max_tokens;
    options.seed = request.seed;
    options.reasoning_effort = request.reasoning.as_ref().map(effort);
    // Thoughts are only told where they are asked for.
    let thinks = request
        .reasoning
        .as_ref()
        .is_some_and(|wish| *wish != Reasoning::Off);
    options.capture_reasoning_content = Some(thinks);
    options.tool_choice = request.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => ForeignChoice::Auto,
        ToolChoice::None => ForeignChoice::None,
        ToolChoice::Required => ForeignChoice::Required,
        ToolChoice::Tool(name) => ForeignChoice::tool(name),
    });
    options.response_format = match &request.format {
        Format::Text => None,
        // genai's own mode for this does nothing for Gemini.
        Format::JsonObject => Some(JsonSpec::new("object", json!({ "type": "object" })).into()),
        Format::JsonSchema {
            name,
            description,
            schema,
            ..
        } => {
            let mut spec = JsonSpec::new(name, schema.clone());
            spec.description.clone_from(description);
            Some(ChatResponseFormat::JsonSpec(spec))
        }
    };
    options
}

fn effort(reasoning: &Reasoning) -> ReasoningEffort {
    match reasoning {
        Reasoning::Off => ReasoningEffort::Zero,
        Reasoning::Budget(tokens) => ReasoningEffort::Budget(*tokens),
        Reasoning::Effort(word) => {
            ReasoningEffort::from_keyword(word).unwrap_or(ReasoningEffort::Medium)
        }
    }
}

fn message(message: &Message) -> ChatMessage {
    let mut parts = Vec::new();
    for part in &message.parts {
        take(part, &mut parts);
    }
    match message.role {
        Role::System => ChatMessage::system(parts),
        Role::User => ChatMessage::user(parts),
        Role::Assistant => ChatMessage::assistant(parts),
        Role::Tool => ChatMessage::tool(parts),
    }
}

fn take(part: &Part, out: &mut Vec<ContentPart>) {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => out.push(ContentPart::from_text(text)),
        Part::Image(media) => out.push(binary(media, "image/jpeg", None)),
        Part::Audio(media) => out.push(binary(media, "audio/wav", None)),
        Part::File { name, media } => out.push(binary(media, "application/pdf", name.clone())),
        Part::ToolCall(call) => out.push(ContentPart::ToolCall(ToolCall {
            call_id: call.id.clone(),
            fn_name: call.name.clone(),
            fn_arguments: serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})),
            thought_signatures: None,
        })),
        Part::ToolResult {
            id,
            content,
            failed,
        } => {
            let text = result(content);
            let text = if *failed {
                format!("Error: {text}")
            } else {
                text
            };
            out.push(ContentPart::ToolResponse(ToolResponse::new(id, text)));
        }
        Part::Thinking { text, signature } => {
            out.extend(signature.clone().map(ContentPart::ThoughtSignature));
            if !text.is_empty() {
                out.push(ContentPart::ReasoningContent(text.clone()));
            }
        }
        Part::RedactedThinking(_) => {}
    }
}

/// What a tool said, in one text.
fn result(content: &[Part]) -> String {
    let text = |part: &Part| match part {
        Part::Text { text, .. } => text.clone(),
        _ => "[not text]".to_owned(),
    };
    content.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// `unknown` is the type of what lies behind an address that does not tell.
fn binary(media: &Media, unknown: &str, name: Option<String>) -> ContentPart {
    ContentPart::Binary(match media {
        Media::Url(url) => {
            let path = url
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            let kind = match path.rsplit('.').next() {
                Some("png") => "image/png",
                Some("gif") => "image/gif",
                Some("webp") => "image/webp",
                Some("mp3") => "audio/mp3",
                _ => unknown,
            };
            Binary::new(kind, BinarySource::Url(url.clone()), name)
        }
        Media::Base64 { media_type, data } => Binary::from_base64(media_type, data.as_str(), name),
    })
}

fn tool(tool: &ToolDef) -> Tool {
    let mut out = Tool::new(tool.name.as_str());
    out.description.clone_from(&tool.description);
    out.schema = Some(match &tool.parameters {
        Value::Null => json!({ "type": "object", "properties": {} }),
        schema => schema.clone(),
    });
    out.strict = tool.strict;
    out
}
