//! A chat in no dialect: what every dialect is read into and written from when a call crosses from one to another.
//!
//! It keeps what OpenAI's chat completions, OpenAI's responses and Anthropic's messages have in common, and what one of them
//! must not lose on the way through (cache marks, signatures of thinking, failed tool results).

use serde_json::Value;

/// A chat, for one provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatRequest {
    /// The provider's own name of the model.
    pub model: String,
    /// Turns, oldest first. Instructions are turns of [`Role::System`], wherever the dialect keeps them.
    pub messages: Vec<Message>,
    pub tools: Vec<ToolDef>,
    pub tool_choice: Option<ToolChoice>,
    /// Whether the model may call several tools in one turn; its own habit unless given.
    pub parallel_tool_calls: Option<bool>,
    pub format: Format,
    /// Most tokens of the answer. Never demanded; Anthropic's dialect needs one, and gets the model's limit.
    pub max_tokens: Option<u32>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u32>,
    pub stop: Vec<String>,
    pub seed: Option<u64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub reasoning: Option<Reasoning>,
    /// Whether to ask for the answer piece by piece.
    pub stream: bool,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions (`system`, `developer`).
    System,
    User,
    /// The model, in an earlier turn.
    Assistant,
    /// Results of tools, each a [`Part::ToolResult`].
    Tool,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text {
        text: String,
        /// Anthropic's `cache_control`, as it was sent.
        cache: Option<Value>,
    },
    Image(Media),
    /// A document, e.g. a PDF.
    File {
        name: Option<String>,
        media: Media,
    },
    Audio(Media),
    /// The model's wish that a tool be called.
    ToolCall(ToolCall),
    ToolResult {
        /// [`ToolCall::id`] of the call that it answers.
        id: String,
        /// Text and images.
        content: Vec<Part>,
        /// The tool failed.
        failed: bool,
    },
    /// What the model thought before it spoke.
    Thinking {
        text: String,
        /// The provider's proof that it is unchanged; needed to send it back.
        signature: Option<String>,
    },
    /// Thinking that the provider keeps to itself.
    RedactedThinking(String),
    /// The model declined, and said so.
    Refusal(String),
}

impl Part {
    /// Text without a cache mark.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            cache: None,
        }
    }
}

/// Bytes of a picture, document or sound, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    Url(String),
    Base64 {
        /// MIME type, e.g. `image/png`.
        media_type: String,
        data: String,
    },
}

/// A tool's call by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text exactly as the model wrote it: it may be broken, and is not mended.
    pub arguments: String,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDef {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
    pub strict: Option<bool>,
    /// Anthropic's `cache_control`, as it was sent.
    pub cache: Option<Value>,
}

/// Whether tools are to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Some tool (`required`, `any`).
    Required,
    /// This one.
    Tool(String),
}

/// The form of the answer's text.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON of this schema (structured output).
    JsonSchema {
        name: String,
        description: Option<String>,
        schema: Value,
        strict: Option<bool>,
    },
}

/// How much to think before the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reasoning {
    /// `minimal`, `low`, `medium`, `high`, … as OpenAI names it.
    Effort(String),
    /// Most tokens of thinking, as Anthropic counts them.
    Budget(u32),
    /// No thinking.
    Off,
}

/// Why the model stopped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It met one of the stop sequences.
    StopSequence,
    /// It ran into `max_tokens` or its own limit.
    Length,
    /// It wants tools to be called.
    ToolCalls,
    /// It, or the provider's filter, declined.
    ContentFilter,
    /// The provider gave another reason, or none.
    Other,
}

/// Tokens by class, as the provider reports them; what it does not report is not guessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// All of the input: fresh, read from the provider's cache, and written to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// What of the input was read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// What of the input was written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<u64>,
    /// What of `written` is kept for an hour instead of five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_1h: Option<u64>,
    /// All of the output, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// What of the output was reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// A model's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatAnswer {
    /// [`Part::Text`], [`Part::Thinking`], [`Part::ToolCall`], … in the order they were said.
    pub parts: Vec<Part>,
    pub finish: Finish,
    /// The stop sequence that was met, where the provider says which.
    pub stop_sequence: Option<String>,
    pub usage: Usage,
    /// The model as the provider names it.
    pub model: Option<String>,
}

impl ChatAnswer {
    /// All text that was said.
    pub fn text(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text { text, .. } | Part::Refusal(text) => Some(text.clone()),
            _ => None,
        };
        self.parts.iter().filter_map(text).collect()
    }

    /// The tools that are to be called.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

/// The next piece of an answer that comes piece by piece. A piece that belongs to another part than the one before ends that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Thinking(String),
    /// Ends a part of thinking.
    Signature(String),
    RedactedThinking(String),
    Refusal(String),
    /// A tool is to be called. `index` counts the answer's calls from 0.
    ToolCall {
        index: usize,
        id: String,
        name: String,
    },
    /// The next piece of a call's JSON text. Calls may interleave.
    Arguments {
        index: usize,
        text: String,
    },
}

/// Texts to embed, for one provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbedRequest {
    /// The provider's own name of the model.
    pub model: String,
    pub inputs: Vec<String>,
    pub dimensions: Option<u32>,
}

/// One vector an input, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedAnswer {
    pub vectors: Vec<Vec<f32>>,
    pub usage: Usage,
}
