//! A conversation as the tool `chat` takes it.

use serde_json::{Map, Value};

use crate::{
    servers::llm_gateway::engine::chat::{
        Format, Media, Message, Part, Reasoning, Role as ChatRole, ToolCall, ToolChoice, ToolDef,
    },
    tool::prelude::*,
};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    User,
    /// The model, in an earlier turn.
    Assistant,
    /// The result of a tool.
    Tool,
}

/// One turn of the conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Turn {
    /// `system` for instructions, `user`, `assistant` for what the model said before, `tool` for the result of a tool.
    pub role: Role,
    /// The text. May be left out where an assistant's turn has tool calls only.
    #[serde(default)]
    pub content: String,
    /// Pictures of a user's turn: `https://…`, or `data:image/png;base64,…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 50))]
    pub images: Vec<String>,
    /// The tools that the model wanted to be called in an assistant's turn, as the answer had them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 128), dive)]
    pub tool_calls: Vec<Call>,
    /// For the role `tool`: the call that this is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(bytes, max = 256))]
    pub tool_call_id: Option<String>,
}

/// A tool that the model wants to be called.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Id of the call: the result names it as `tool_call_id`.
    #[garde(length(bytes, min = 1, max = 256))]
    pub id: String,
    /// The tool's name.
    #[garde(length(bytes, min = 1, max = 128))]
    pub name: String,
    /// The arguments as JSON text, just as the model wrote them: it may be broken.
    #[garde(length(bytes, max = 1_048_576))]
    pub arguments: String,
}

/// A tool that the model may call. You call it, and put the result into the next turn.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Function {
    /// Its name.
    #[garde(length(bytes, min = 1, max = 128))]
    pub name: String,
    /// What it does and when to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments: an object.
    #[serde(default = "anything")]
    pub parameters: Map<String, Value>,
}

fn anything() -> Map<String, Value> {
    [("type".to_owned(), "object".into())].into_iter().collect()
}

/// The form of the answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Shape {
    /// `text`, `json_object` for some JSON object, or `json_schema` for JSON of a schema.
    #[serde(rename = "type")]
    pub kind: ShapeKind,
    /// With `json_schema`: a name for it, of letters, digits, `_` and `-`; `answer` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(bytes, min = 1, max = 64))]
    pub name: Option<String>,
    /// With `json_schema`: the JSON Schema, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Map<String, Value>>,
    /// With `json_schema`: whether the provider shall hold the model to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// The kind of an answer's form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeKind {
    /// Any text.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema,
}

impl TryFrom<Shape> for Format {
    type Error = ToolError;

    fn try_from(shape: Shape) -> Result<Self, ToolError> {
        match (shape.kind, shape.schema) {
            (ShapeKind::Text, _) => Ok(Self::Text),
            (ShapeKind::JsonObject, _) => Ok(Self::JsonObject),
            (ShapeKind::JsonSchema, Some(schema)) => Ok(Self::JsonSchema {
                name: shape.name.unwrap_or_else(|| "answer".to_owned()),
                description: None,
                schema: Value::Object(schema),
                strict: shape.strict,
            }),
            (ShapeKind::JsonSchema, None) => Err(ToolError::invalid(
                "/response_format/schema",
                "is required with json_schema",
            )),
        }
    }
}

impl From<Function> for ToolDef {
    fn from(function: Function) -> Self {
        Self {
            name: function.name,
            description: function.description,
            parameters: Value::Object(function.parameters),
            strict: None,
            cache: None,
        }
    }
}

/// `auto`, `none`, `required`, or a tool's name.
pub fn choice(word: String) -> ToolChoice {
    match word.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        _ => ToolChoice::Tool(word),
    }
}

/// `none`, or an effort.
pub fn reasoning(word: String) -> Reasoning {
    match word.as_str() {
        "none" => Reasoning::Off,
        _ => Reasoning::Effort(word),
    }
}

/// The turn at `place`, in no dialect.
pub fn message(place: usize, turn: Turn) -> Result<Message, ToolError> {
    let wrong =
        |field: &str, why: &str| ToolError::invalid(format!("/messages/{place}/{field}"), why);
    if turn.role == Role::Tool {
        let id = turn.tool_call_id.ok_or_else(|| {
            wrong(
                "tool_call_id",
                "is required for the role tool: the id of the call",
            )
        })?;
        let result = Part::ToolResult {
            id,
            content: vec![Part::text(turn.content)],
            failed: false,
        };
        return Ok(Message {
            role: ChatRole::Tool,
            parts: vec![result],
        });
    }
    if turn.tool_call_id.is_some() {
        return Err(wrong("tool_call_id", "is for the role tool only"));
    }
    if !turn.images.is_empty() && turn.role != Role::User {
        return Err(wrong("images", "are for the role user only"));
    }
    if !turn.tool_calls.is_empty() && turn.role != Role::Assistant {
        return Err(wrong("tool_calls", "are for the role assistant only"));
    }
    let mut parts = Vec::new();
    if !turn.content.is_empty() {
        parts.push(Part::text(turn.content));
    }
    for image in turn.images {
        parts.push(Part::Image(
            media(image).map_err(|why| wrong("images", why))?,
        ));
    }
    parts.extend(turn.tool_calls.into_iter().map(|call| {
        Part::ToolCall(ToolCall {
            id: call.id,
            name: call.name,
            arguments: call.arguments,
        })
    }));
    let role = match turn.role {
        Role::System => ChatRole::System,
        Role::User | Role::Tool => ChatRole::User,
        Role::Assistant => ChatRole::Assistant,
    };
    Ok(Message { role, parts })
}

fn media(url: String) -> Result<Media, &'static str> {
    if let Some(data) = url.strip_prefix("data:") {
        let (media_type, data) = data
            .split_once(";base64,")
            .ok_or("a data URL must be data:<type>;base64,<data>")?;
        return Ok(Media::Base64 {
            media_type: media_type.to_owned(),
            data: data.to_owned(),
        });
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Media::Url(url));
    }
    Err("must be https:// URLs, or data URLs")
}
