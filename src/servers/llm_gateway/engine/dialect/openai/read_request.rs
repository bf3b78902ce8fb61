//! Chat completions' requests, as callers write them.

use serde_json::Value;

use super::{
    super::{BadRequest, media, node::Node},
    tools::{nested, read_arguments, read_choice, read_format, read_tools},
};
use crate::servers::llm_gateway::engine::chat::{
    ChatRequest, Message, Part, Reasoning, Role, ToolCall,
};

pub fn read_request(body: &Value) -> Result<ChatRequest, BadRequest> {
    let root = Node::root(body);
    refuse(&root)?;
    let tools = root.read("tools", |tools| read_tools(tools, nested))?;
    let mut tools = tools.unwrap_or_default();
    let tool_choice = root.read("tool_choice", |choice| {
        read_choice(choice, nested, &mut tools)
    })?;
    let format = root.read("response_format", |format| {
        read_format(format, |format| format.need("json_schema"))
    })?;
    let max_tokens = match root.read("max_completion_tokens", Node::count)? {
        None => root.read("max_tokens", Node::count)?,
        given => given,
    };
    Ok(ChatRequest {
        model: root.need("model")?.string()?,
        messages: root.need("messages")?.list(message)?,
        tools,
        tool_choice,
        parallel_tool_calls: root.read("parallel_tool_calls", Node::flag)?,
        format: format.unwrap_or_default(),
        max_tokens,
        temperature: root.read("temperature", Node::number)?,
        top_p: root.read("top_p", Node::number)?,
        top_k: root.read("top_k", Node::count)?,
        stop: root.read("stop", stop)?.unwrap_or_default(),
        seed: root.get("seed").and_then(|seed| seed.value().as_u64()),
        presence_penalty: root.read("presence_penalty", Node::number)?,
        frequency_penalty: root.read("frequency_penalty", Node::number)?,
        reasoning: root.read("reasoning_effort", effort)?,
        stream: root.read("stream", Node::flag)?.unwrap_or_default(),
    })
}

/// What cannot be had from a provider of another dialect, and would be missed.
fn refuse(root: &Node) -> Result<(), BadRequest> {
    if let Some(n) = root.get("n").filter(|n| n.value().as_u64() != Some(1)) {
        return Err(n.bad("must be 1: ask several times for several answers"));
    }
    for (field, instead) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if let Some(node) = root.get(field) {
            return Err(node.bad(format!("is no longer supported: use {instead}")));
        }
    }
    if let Some(node) = root.get("web_search_options") {
        return Err(node.bad("needs a model whose provider speaks OpenAI's own dialect"));
    }
    let speaks = |kind: &Value| kind == "audio";
    match root.get("modalities") {
        Some(node)
            if node
                .value()
                .as_array()
                .is_some_and(|all| all.iter().any(speaks)) =>
        {
            Err(node.bad("audio answers need a model whose provider speaks OpenAI's own dialect"))
        }
        _ => Ok(()),
    }
}

/// OpenAI's words for how much to think.
pub fn effort(node: &Node) -> Result<Reasoning, BadRequest> {
    Ok(match node.str()? {
        "none" => Reasoning::Off,
        effort => Reasoning::Effort(effort.to_owned()),
    })
}

fn stop(node: &Node) -> Result<Vec<String>, BadRequest> {
    if node.value().is_string() {
        return Ok(vec![node.string()?]);
    }
    node.list(Node::string)
}

fn message(node: &Node) -> Result<Message, BadRequest> {
    let role_node = node.need("role")?;
    let (role, parts) = match role_node.str()? {
        "system" | "developer" => (Role::System, content(&node.need("content")?)?),
        "user" => (Role::User, content(&node.need("content")?)?),
        "assistant" => (Role::Assistant, said(node)?),
        "tool" => {
            let result = Part::ToolResult {
                id: node.need("tool_call_id")?.string()?,
                content: content(&node.need("content")?)?,
                failed: false,
            };
            (Role::Tool, vec![result])
        }
        _ => return Err(role_node.bad("must be system, developer, user, assistant or tool")),
    };
    Ok(Message { role, parts })
}

/// What the model said in an earlier turn.
fn said(node: &Node) -> Result<Vec<Part>, BadRequest> {
    // What other servers of this dialect call the model's thinking; clients hand it back.
    let thought = node.read("reasoning_content", Node::string)?;
    let mut parts: Vec<Part> = thought
        .filter(|text| !text.is_empty())
        .map(|text| Part::Thinking {
            text,
            signature: None,
        })
        .into_iter()
        .collect();
    parts.extend(node.read("content", content)?.unwrap_or_default());
    parts.extend(node.read("refusal", Node::string)?.map(Part::Refusal));
    let calls = node.read("tool_calls", |calls| calls.list(call))?;
    parts.extend(calls.into_iter().flatten());
    Ok(parts)
}

fn call(node: &Node) -> Result<Part, BadRequest> {
    if let Some(kind) = node.get("type").filter(|kind| kind.value() != "function") {
        return Err(kind.bad("must be function"));
    }
    let function = node.need("function")?;
    Ok(Part::ToolCall(ToolCall {
        id: node.need("id")?.string()?,
        name: function.need("name")?.string()?,
        arguments: read_arguments(function.value().get("arguments")),
    }))
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
    match kind {
        "text" => Ok(Part::text(node.need("text")?.str()?)),
        "refusal" => Ok(Part::Refusal(node.need("refusal")?.string()?)),
        "image_url" => {
            let image = node.need("image_url")?;
            Ok(Part::Image(media::read_url(&image.need("url")?)?))
        }
        "input_audio" => Ok(Part::Audio(media::read_audio(&node.need("input_audio")?)?)),
        "file" => {
            let file = node.need("file")?;
            if let Some(id) = file.get("file_id") {
                return Err(
                    id.bad("files uploaded to a provider are known to it alone: send file_data")
                );
            }
            let name = file.read("filename", Node::string)?;
            let media = media::read_file(&file.need("file_data")?, name.as_deref())?;
            Ok(Part::File { name, media })
        }
        _ => Err(kind_node.bad("must be text, image_url, input_audio, file or refusal")),
    }
}
