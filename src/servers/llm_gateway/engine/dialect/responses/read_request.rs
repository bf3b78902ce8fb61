//! Requests for responses, as callers write them.

use serde_json::Value;

use super::{
    super::{
        BadRequest,
        node::Node,
        openai::{effort, read_choice, read_format, read_tools},
    },
    read_input::items,
};
use crate::servers::llm_gateway::engine::chat::{ChatRequest, Message, Part, Reasoning, Role};

pub fn read_request(body: &Value) -> Result<ChatRequest, BadRequest> {
    let root = Node::root(body);
    refuse(&root)?;
    let mut messages = Vec::new();
    if let Some(instructions) = root.read("instructions", Node::string)? {
        let parts = vec![Part::text(instructions)];
        let role = Role::System;
        messages.push(Message { role, parts });
    }
    items(&root.need("input")?, &mut messages)?;
    let tools = root.read("tools", |tools| read_tools(tools, flat))?;
    let mut tools = tools.unwrap_or_default();
    let tool_choice = root.read("tool_choice", |choice| {
        read_choice(choice, flat, &mut tools)
    })?;
    let format = root.read("text", |text| {
        text.read("format", |format| read_format(format, flat))
    })?;
    Ok(ChatRequest {
        model: root.need("model")?.string()?,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls: root.read("parallel_tool_calls", Node::flag)?,
        format: format.flatten().unwrap_or_default(),
        max_tokens: root.read("max_output_tokens", Node::count)?,
        temperature: root.read("temperature", Node::number)?,
        top_p: root.read("top_p", Node::number)?,
        reasoning: root.read("reasoning", reasoning)?.flatten(),
        stream: root.read("stream", Node::flag)?.unwrap_or_default(),
        ..ChatRequest::default()
    })
}

/// In this dialect a function's fields, and a schema's, stand beside the type.
#[allow(clippy::unnecessary_wraps)] // Its twin of chat completions can fail.
fn flat<'n>(node: &'n Node<'n>) -> Result<Node<'n>, BadRequest> {
    Ok(*node)
}

fn reasoning(node: &Node) -> Result<Option<Reasoning>, BadRequest> {
    node.read("effort", effort)
}

/// What only a provider can do that keeps the conversation itself.
fn refuse(root: &Node) -> Result<(), BadRequest> {
    let kept = "is kept by a provider of OpenAI's own dialect alone: send all of the conversation in input";
    for field in ["previous_response_id", "conversation"] {
        if let Some(node) = root.get(field) {
            return Err(node.bad(kept));
        }
    }
    if let Some(node) = root.get("prompt") {
        return Err(node.bad("is a template kept by OpenAI: send its text in input"));
    }
    match root.get("background") {
        Some(node) if node.flag()? => {
            Err(node.bad("answers are not kept: use stream, or wait for the answer"))
        }
        _ => Ok(()),
    }
}
