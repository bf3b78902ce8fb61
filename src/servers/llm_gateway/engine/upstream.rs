//! What every provider can do. Two ways: an operation of its own dialect is relayed as it is ([`Upstream::relay`]); everything else
//! goes through [`chat`](super::chat), which is of no dialect.

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use http::HeaderMap;
use tokio::sync::mpsc;

use super::{
    chat::{ChatAnswer, ChatRequest, EmbedAnswer, EmbedRequest, Finish, Piece, Usage},
    failure::Failure,
    prices::Mode,
};

/// What a caller asks a provider for, in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /chat/completions` (OpenAI)
    ChatCompletions,
    /// `POST /responses` (OpenAI)
    Responses,
    /// `POST /embeddings` (OpenAI)
    Embeddings,
    /// `POST /messages` (Anthropic)
    Messages,
    /// `POST /messages/count_tokens` (Anthropic)
    CountTokens,
}

impl Operation {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
        }
    }
}

/// A request that goes to a provider as its caller wrote it, but for the model's name and what streams need to report their usage.
#[derive(Debug, Clone)]
pub struct Relay {
    pub operation: Operation,
    /// JSON.
    pub body: Bytes,
    /// The caller's headers that the provider may see (`anthropic-version`, `anthropic-beta`, `openai-beta`, …): no credentials.
    pub headers: HeaderMap,
    pub stream: bool,
    /// Whether the caller itself asked for usage at the end of a stream; else what only says it is left out again.
    pub include_usage: bool,
}

/// What is known of an answer at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub usage: Usage,
    pub finish: Option<Finish>,
    /// How it was served, where the provider says so.
    pub mode: Option<Mode>,
}

/// An answer that is relayed: the provider has accepted the request.
pub enum Relayed {
    /// All of it, with the provider's headers that the caller may see.
    Whole {
        body: Bytes,
        headers: HeaderMap,
        tally: Tally,
    },
    /// Server-sent events. It ends with [`Flow::End`], or with a failure that tells what had come by then.
    Stream {
        headers: HeaderMap,
        flow: BoxStream<'static, Result<Flow, Failure>>,
    },
}

/// The next of a relayed stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Whole events, as the provider sent them.
    Bytes {
        bytes: Bytes,
        /// Whether there is content in it: from then on no other provider can take over.
        content: bool,
    },
    /// The stream ended as it should.
    End(Tally),
}

/// Takes the pieces of an answer as they come. A slow reader slows the provider down.
pub type Pieces = mpsc::Sender<Piece>;

/// A provider. Dropping a future, or a stream, ends the request at the provider too.
pub trait Upstream: Send + Sync {
    /// Whether it takes `operation` as it is.
    fn relays(&self, operation: Operation) -> bool;
    /// Relays a request of its own dialect. For a stream it answers once the provider has accepted it.
    fn relay(&self, request: Relay) -> BoxFuture<'_, Result<Relayed, Failure>>;
    /// Answers a chat. With `request.stream`, pieces go to `pieces` as they come; the answer has all of them once more.
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        pieces: Option<Pieces>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>>;
    /// Turns texts into vectors.
    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>>;
}
