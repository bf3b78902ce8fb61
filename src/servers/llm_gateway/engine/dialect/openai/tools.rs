//! Tools and forms of answers, as both of OpenAI's dialects write them.

use serde_json::Value;

use super::super::{BadRequest, node::Node};
use crate::servers::llm_gateway::engine::chat::{Format, ToolChoice, ToolDef};

/// Where a dialect keeps a function's name: chat completions in a field `function`, responses at the top.
pub type Inner = for<'n> fn(&'n Node<'n>) -> Result<Node<'n>, BadRequest>;

pub fn nested<'n>(node: &'n Node<'n>) -> Result<Node<'n>, BadRequest> {
    node.need("function")
}

/// Reads `tools`.
pub fn read_tools(tools: &Node, inner: Inner) -> Result<Vec<ToolDef>, BadRequest> {
    tools.list(|tool| {
        let (node, kind) = tool.kind()?;
        if kind != "function" {
            return Err(node.bad(format!(
                "tools of type \"{kind}\" need a model whose provider speaks OpenAI's own dialect; use type \"function\""
            )));
        }
        let function = inner(tool)?;
        Ok(ToolDef {
            name: function.need("name")?.string()?,
            description: function.read("description", Node::string)?,
            parameters: read_schema(&function, "parameters")?,
            strict: function.read("strict", Node::flag)?,
            cache: None,
        })
    })
}

/// A tool's JSON Schema; a tool without one takes no arguments.
pub fn read_schema(tool: &Node, field: &str) -> Result<Value, BadRequest> {
    let schema = tool.read(field, Node::object)?;
    Ok(schema.unwrap_or_else(|| serde_json::json!({ "type": "object", "properties": {} })))
}

/// Reads `tool_choice`. Where only some tools are allowed, the others are taken away.
pub fn read_choice(
    choice: &Node,
    inner: Inner,
    tools: &mut Vec<ToolDef>,
) -> Result<ToolChoice, BadRequest> {
    if choice.value().is_string() {
        return read_mode(choice);
    }
    let (node, kind) = choice.kind()?;
    match kind {
        "function" => Ok(ToolChoice::Tool(inner(choice)?.need("name")?.string()?)),
        "allowed_tools" => {
            let wrapped = choice.get("allowed_tools");
            let allowed = wrapped.as_ref().unwrap_or(choice);
            let names = allowed
                .need("tools")?
                .list(|tool| inner(tool)?.need("name")?.string())?;
            tools.retain(|tool| names.contains(&tool.name));
            read_mode(&allowed.need("mode")?)
        }
        _ => Err(node.bad("must be function or allowed_tools")),
    }
}

fn read_mode(mode: &Node) -> Result<ToolChoice, BadRequest> {
    match mode.str()? {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(mode.bad("must be auto, none, required or a tool")),
    }
}

/// Reads `response_format`, or the `format` of responses. `schema` tells where a schema's name and body are.
pub fn read_format<'n>(
    format: &'n Node<'n>,
    schema: impl FnOnce(&'n Node<'n>) -> Result<Node<'n>, BadRequest>,
) -> Result<Format, BadRequest> {
    let (node, kind) = format.kind()?;
    match kind {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let wanted = schema(format)?;
            Ok(Format::JsonSchema {
                name: wanted.need("name")?.string()?,
                description: wanted.read("description", Node::string)?,
                schema: wanted.need("schema")?.object()?,
                strict: wanted.read("strict", Node::flag)?,
            })
        }
        _ => Err(node.bad("must be text, json_object or json_schema")),
    }
}

/// A call's arguments: a string, or JSON where somebody forgot to write it into one.
pub fn read_arguments(arguments: Option<&Value>) -> String {
    match arguments {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
