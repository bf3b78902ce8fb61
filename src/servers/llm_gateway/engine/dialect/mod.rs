//! The dialects: how callers and providers write requests, answers, streams and errors.
//!
//! A dialect has two sides. As a face it reads requests and writes answers ([`Encoder`] for streams); as an upstream it writes
//! requests and reads answers ([`Decoder`] for streams). In the middle is [`chat`](super::chat), which is of no dialect.

pub mod anthropic;
pub mod assembly;
mod media;
pub mod models;
mod node;
pub mod openai;
pub mod responses;
mod sequence;
#[cfg(test)]
mod tests;
pub mod trouble;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    chat::{ChatAnswer, ChatRequest, Piece, Usage},
    failure::Failure,
};

/// How a face, or a provider, speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's chat completions, and all that is compatible with them.
    Openai,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
}

/// The side that callers see.
impl Dialect {
    /// Reads a request for a chat. What is unknown is ignored; what is known and cannot be had from every provider is refused.
    pub fn read_request(self, body: &Value) -> Result<ChatRequest, BadRequest> {
        match self {
            Self::Openai => openai::read_request(body),
            Self::Responses => responses::read_request(body),
            Self::Anthropic => anthropic::read_request(body),
        }
    }

    /// Writes a whole answer.
    pub fn write_answer(self, meta: &Meta, answer: &ChatAnswer) -> Value {
        match self {
            Self::Openai => openai::write_answer(meta, answer),
            Self::Responses => responses::write_answer(meta, answer),
            Self::Anthropic => anthropic::write_answer(meta, answer),
        }
    }

    /// Writes an answer piece by piece.
    pub fn encoder(self, meta: Meta) -> Box<dyn Encoder> {
        match self {
            Self::Openai => openai::encoder(meta),
            Self::Responses => responses::encoder(meta),
            Self::Anthropic => anthropic::encoder(meta),
        }
    }

    /// Writes an error's body.
    pub fn write_error(self, trouble: &Trouble, request_id: &str) -> Value {
        trouble::write(self, trouble, request_id)
    }
}

/// A request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{param}: {message}")]
pub struct BadRequest {
    /// The field, as `messages[0].content` (OpenAI's `param`).
    pub param: String,
    /// What is wrong with it, and what to do.
    pub message: String,
}

impl BadRequest {
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: param.into(),
            message: message.into(),
        }
    }
}

/// What an answer says of itself beside its content.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The request's id at the hub, from which the dialect's own ids are made.
    pub id: String,
    /// The model's name as the caller is told it.
    pub model: String,
    /// Seconds since the Unix epoch.
    pub created_s: i64,
    /// Whether a stream shall end with its usage. (OpenAI: only where the caller asked for it. The others always say it.)
    pub include_usage: bool,
}

/// Trouble, as a face tells it.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// The HTTP status.
    pub status: u16,
    /// For people: what is wrong and what to do next.
    pub message: String,
    /// The wrong field, if it is one.
    pub param: Option<String>,
    /// A word for programs beyond the status: the provider's own (`context_length_exceeded`), or the hub's
    /// (`quota_exceeded`, `model_not_found`).
    pub code: Option<String>,
}

/// Writes an answer's stream for a caller: server-sent events as they go over the wire, appended to `out`.
pub trait Encoder: Send {
    /// What comes first, when the provider has begun. `input` is the count of input tokens where it is known by then.
    fn start(&mut self, usage: &Usage, out: &mut String);
    /// The next piece.
    fn piece(&mut self, piece: &Piece, out: &mut String);
    /// The end of a whole answer: closes what is open, says why it ended and what it used.
    fn end(&mut self, answer: &ChatAnswer, out: &mut String);
    /// The end of an answer that broke off: an error event in the dialect, and never what ends a whole one.
    fn fail(&mut self, trouble: &Trouble, out: &mut String);
}

/// Reads a provider's stream, event by event.
pub trait Decoder: Send {
    /// Reads one server-sent event: its name (empty where the dialect gives none) and data. New pieces are appended to `out`.
    /// An error event, or data that makes no sense, is a failure.
    fn event(&mut self, name: &str, data: &str, out: &mut Vec<Piece>) -> Result<(), Failure>;
    /// Whether the provider has said that the answer is whole (`[DONE]`, `message_stop`, `response.completed`, or a finish reason
    /// where a server leaves those out).
    fn is_done(&self) -> bool;
    /// What the provider has reported of its usage so far.
    fn usage(&self) -> Usage;
    /// The whole answer, to be asked for once the stream has ended: put together from its pieces.
    fn answer(&mut self) -> ChatAnswer;
}

/// One server-sent event as text: `event:` (left out where `name` is empty) and one `data:` line of JSON.
pub fn frame(name: &str, data: &Value, out: &mut String) {
    if !name.is_empty() {
        out.push_str("event: ");
        out.push_str(name);
        out.push('\n');
    }
    out.push_str("data: ");
    out.push_str(&data.to_string());
    out.push_str("\n\n");
}

/// A field that is there or left out.
fn set(map: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    if let Some(Ok(value)) = value.map(serde_json::to_value) {
        map.insert(name.to_owned(), value);
    }
}
