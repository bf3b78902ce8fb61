//! Requests for messages, as callers write them.

use serde_json::Value;

use super::{
    super::{BadRequest, node::Node, openai},
    read_content::{content, message},
    reasoning,
};
use crate::servers::llm_gateway::engine::chat::{
    ChatRequest, Format, Message, Role, ToolChoice, ToolDef,
};

pub fn read_request(body: &Value) -> Result<ChatRequest, BadRequest> {
    let root = Node::root(body);
    if let Some(node) = root.get("mcp_servers") {
        return Err(node.bad("need a model whose provider speaks Anthropic's own dialect"));
    }
    let mut messages: Vec<Message> = Vec::new();
    if let Some(system) = root.get("system") {
        let parts = content(&system)?;
        let role = Role::System;
        messages.push(Message { role, parts });
    }
    for node in root.need("messages")?.items()? {
        message(&node, &mut messages)?;
    }
    let choice = root.get("tool_choice");
    let alone = |choice: &Node| choice.read("disable_parallel_tool_use", Node::flag);
    let alone = choice.as_ref().map(alone).transpose()?.flatten();
    let tools = root.read("tools", |tools| tools.list(tool))?;
    Ok(ChatRequest {
        model: root.need("model")?.string()?,
        messages,
        tools: tools.unwrap_or_default(),
        tool_choice: choice.as_ref().map(tool_choice).transpose()?,
        parallel_tool_calls: alone.map(|alone| !alone),
        format: format(&root)?,
        max_tokens: root.read("max_tokens", Node::count)?,
        temperature: root.read("temperature", Node::number)?,
        top_p: root.read("top_p", Node::number)?,
        top_k: root.read("top_k", Node::count)?,
        stop: root
            .read("stop_sequences", |stop| stop.list(Node::string))?
            .unwrap_or_default(),
        reasoning: reasoning::read(&root)?,
        stream: root.read("stream", Node::flag)?.unwrap_or_default(),
        ..ChatRequest::default()
    })
}

fn tool(node: &Node) -> Result<ToolDef, BadRequest> {
    if let Some(kind) = node.get("type").filter(|kind| kind.value() != "custom") {
        return Err(kind.bad(format!(
            "the tool {} is Anthropic's own: it needs a model whose provider speaks Anthropic's dialect",
            kind.value()
        )));
    }
    Ok(ToolDef {
        name: node.need("name")?.string()?,
        description: node.read("description", Node::string)?,
        parameters: openai::read_schema(node, "input_schema")?,
        strict: node.read("strict", Node::flag)?,
        cache: node.get("cache_control").map(|cache| cache.value().clone()),
    })
}

fn tool_choice(choice: &Node) -> Result<ToolChoice, BadRequest> {
    let (node, kind) = choice.kind()?;
    match kind {
        "auto" => Ok(ToolChoice::Auto),
        "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        "tool" => Ok(ToolChoice::Tool(choice.need("name")?.string()?)),
        _ => Err(node.bad("must be auto, any, tool or none")),
    }
}

/// Reads `output_config.format`, or `output_format` as it was called at first.
fn format(root: &Node) -> Result<Format, BadRequest> {
    let config = root.get("output_config");
    let now = config.as_ref().and_then(|config| config.get("format"));
    let Some(format) = now.or_else(|| root.get("output_format")) else {
        return Ok(Format::Text);
    };
    let (node, kind) = format.kind()?;
    if kind != "json_schema" {
        return Err(node.bad("must be json_schema"));
    }
    Ok(Format::JsonSchema {
        // The dialect gives schemas no name, the others need one.
        name: "answer".to_owned(),
        description: None,
        schema: format.need("schema")?.object()?,
        strict: Some(true),
    })
}
