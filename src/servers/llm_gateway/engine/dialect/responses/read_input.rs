//! The items of a response's input, as callers write them.

use serde_json::Value;

use super::{
    super::{BadRequest, media, node::Node, openai::read_arguments},
    answer::REDACTED,
};
use crate::servers::llm_gateway::engine::chat::{Message, Part, Role, ToolCall};

/// Reads text, or items. What the model said stands in several items, and becomes one turn.
pub fn items(input: &Node, messages: &mut Vec<Message>) -> Result<(), BadRequest> {
    if input.value().is_string() {
        let parts = vec![Part::text(input.str()?)];
        let role = Role::User;
        messages.push(Message { role, parts });
        return Ok(());
    }
    for node in input.items()? {
        let (role, parts) = item(&node)?;
        match messages.last_mut() {
            Some(last) if last.role == role && matches!(role, Role::Assistant | Role::Tool) => {
                last.parts.extend(parts);
            }
            _ => messages.push(Message { role, parts }),
        }
    }
    Ok(())
}

fn item(node: &Node) -> Result<(Role, Vec<Part>), BadRequest> {
    let kind_node = node.get("type");
    let kind = kind_node.as_ref().map(Node::str).transpose()?;
    match kind {
        None | Some("message") => {
            Ok((role(&node.need("role")?)?, content(&node.need("content")?)?))
        }
        Some("function_call") => {
            let call = ToolCall {
                id: node.need("call_id")?.string()?,
                name: node.need("name")?.string()?,
                arguments: read_arguments(node.value().get("arguments")),
            };
            Ok((Role::Assistant, vec![Part::ToolCall(call)]))
        }
        Some("function_call_output") => {
            let result = Part::ToolResult {
                id: node.need("call_id")?.string()?,
                content: content(&node.need("output")?)?,
                failed: false,
            };
            Ok((Role::Tool, vec![result]))
        }
        Some("reasoning") => Ok((Role::Assistant, reasoning(node)?)),
        Some(other) => {
            let message = format!(
                "items of type \"{other}\" need a model whose provider speaks OpenAI's own dialect"
            );
            Err(kind_node.as_ref().unwrap_or(node).bad(message))
        }
    }
}

fn role(node: &Node) -> Result<Role, BadRequest> {
    match node.str()? {
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        _ => Err(node.bad("must be system, developer, user or assistant")),
    }
}

fn reasoning(node: &Node) -> Result<Vec<Part>, BadRequest> {
    let summary = node.read("summary", |summary| {
        summary.list(|part| part.need("text")?.string())
    })?;
    let text = summary.unwrap_or_default().join("\n\n");
    let proof = node.read("encrypted_content", Node::string)?;
    if let Some(data) = proof
        .as_ref()
        .and_then(|proof| proof.strip_prefix(REDACTED))
    {
        return Ok(vec![Part::RedactedThinking(data.to_owned())]);
    }
    let signature = proof;
    Ok(vec![Part::Thinking { text, signature }])
}

fn content(node: &Node) -> Result<Vec<Part>, BadRequest> {
    match node.value() {
        Value::String(text) => Ok(vec![Part::text(text.as_str())]),
        Value::Array(_) => node.list(part),
        _ => Err(node.bad("must be a string or an array of parts")),
    }
}

fn part(node: &Node) -> Result<Part, BadRequest> {
    let (kind_node, kind) = node.kind()?;
    if let Some(id) = node.get("file_id") {
        return Err(id.bad("files uploaded to a provider are known to it alone: send the data"));
    }
    match kind {
        "input_text" | "output_text" | "text" => Ok(Part::text(node.need("text")?.str()?)),
        "refusal" => Ok(Part::Refusal(node.need("refusal")?.string()?)),
        "input_image" => Ok(Part::Image(media::read_url(&node.need("image_url")?)?)),
        "input_audio" => Ok(Part::Audio(media::read_audio(&node.need("input_audio")?)?)),
        "input_file" => {
            let name = node.read("filename", Node::string)?;
            let media = match node.get("file_url") {
                Some(url) => media::read_url(&url)?,
                None => media::read_file(&node.need("file_data")?, name.as_deref())?,
            };
            Ok(Part::File { name, media })
        }
        _ => Err(kind_node.bad(
            "must be input_text, input_image, input_file, input_audio, output_text or refusal",
        )),
    }
}
