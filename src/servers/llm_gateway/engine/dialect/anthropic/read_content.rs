//! Messages' turns and blocks, as callers write them.

use serde_json::Value;

use super::super::{BadRequest, media, node::Node};
use crate::servers::llm_gateway::engine::chat::{Media, Message, Part, Role, ToolCall};

/// Reads a turn. Results of tools become a turn of their own, before what the user says beside them.
pub fn message(node: &Node, messages: &mut Vec<Message>) -> Result<(), BadRequest> {
    let role_node = node.need("role")?;
    let role = match role_node.str()? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(role_node.bad("must be user, assistant or system")),
    };
    let parts = content(&node.need("content")?)?;
    let (results, parts): (Vec<Part>, Vec<Part>) = parts
        .into_iter()
        .partition(|part| matches!(part, Part::ToolResult { .. }));
    for (role, parts) in [(Role::Tool, results), (role, parts)] {
        match messages.last_mut() {
            _ if parts.is_empty() => {}
            // Turns of the same role count as one.
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => messages.push(Message { role, parts }),
        }
    }
    Ok(())
}

/// Reads text, or blocks.
pub fn content(node: &Node) -> Result<Vec<Part>, BadRequest> {
    match node.value() {
        Value::String(text) => Ok(vec![Part::text(text.as_str())]),
        Value::Array(_) => {
            let mut parts = Vec::new();
            for block in node.items()? {
                read(&block, &mut parts)?;
            }
            Ok(parts)
        }
        _ => Err(node.bad("must be a string or an array of content blocks")),
    }
}

fn read(node: &Node, parts: &mut Vec<Part>) -> Result<(), BadRequest> {
    let (kind_node, kind) = node.kind()?;
    parts.push(match kind {
        "text" => Part::Text {
            text: node.need("text")?.string()?,
            cache: node.get("cache_control").map(|cache| cache.value().clone()),
        },
        "image" => Part::Image(source(&node.need("source")?)?),
        "document" => return document(node, parts),
        "tool_use" => {
            let input = node.need("input")?.object()?;
            Part::ToolCall(ToolCall {
                id: node.need("id")?.string()?,
                name: node.need("name")?.string()?,
                arguments: input.to_string(),
            })
        }
        "tool_result" => Part::ToolResult {
            id: node.need("tool_use_id")?.string()?,
            content: node.read("content", content)?.unwrap_or_default(),
            failed: node.read("is_error", Node::flag)?.unwrap_or_default(),
        },
        // Of a search among tools whose loading was deferred. Other dialects know no deferring: they have been told of it already.
        "tool_reference" => Part::text(format!(
            "The tool {} is ready to be called.",
            node.need("tool_name")?.str()?
        )),
        "thinking" => Part::Thinking {
            text: node.need("thinking")?.string()?,
            // Empty where the hub itself had none to give.
            signature: node
                .read("signature", Node::string)?
                .filter(|signature| !signature.is_empty()),
        },
        "redacted_thinking" => Part::RedactedThinking(node.need("data")?.string()?),
        _ => {
            return Err(kind_node.bad(format!(
                "content of type \"{kind}\" needs a model whose provider speaks Anthropic's own dialect"
            )));
        }
    });
    Ok(())
}

fn source(node: &Node) -> Result<Media, BadRequest> {
    let (kind_node, kind) = node.kind()?;
    match kind {
        "base64" => Ok(Media::Base64 {
            media_type: node.need("media_type")?.string()?,
            data: node.need("data")?.string()?,
        }),
        "url" => media::read_url(&node.need("url")?),
        "text" => Ok(media::plain(node.need("data")?.str()?)),
        "file" => {
            Err(kind_node
                .bad("files uploaded to a provider are known to it alone: use base64 or url"))
        }
        _ => Err(kind_node.bad("must be base64, url or text")),
    }
}

fn document(node: &Node, parts: &mut Vec<Part>) -> Result<(), BadRequest> {
    let from = node.need("source")?;
    if from.kind()?.1 == "content" {
        parts.extend(content(&from.need("content")?)?);
        return Ok(());
    }
    parts.push(Part::File {
        name: node.read("title", Node::string)?,
        media: source(&from)?,
    });
    Ok(())
}
