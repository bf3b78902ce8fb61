//! What every provider can do, and what is said to and heard from it.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::chat::{Finish, Usage};
use super::failure::Failure;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    User,
    /// The model, in an earlier turn.
    Assistant,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

/// A chat, for one provider.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest {
    /// The provider's own name of the model.
    pub model: String,
    pub messages: Vec<Message>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<u32>,
    pub stop: Vec<String>,
    pub seed: Option<u64>,
    /// Whether to ask for the answer piece by piece.
    pub stream: bool,
}

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatAnswer {
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
}

/// Texts to embed, for one provider.
#[derive(Debug, Clone, Default)]
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

/// Takes the pieces of an answer as they come.
pub type Delta<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Where models are. Dropping a future ends the request.
pub trait Provider: Send + Sync {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        delta: Delta<'a>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>>;
    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>>;
}
