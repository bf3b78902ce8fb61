//! Providers that speak OpenAI's dialect or Anthropic's: what comes in their dialect is relayed, the rest is translated.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::HeaderMap;
use serde_json::Value;

use super::{
    chat::{ChatAnswer, ChatRequest, EmbedAnswer, EmbedRequest},
    dialect::{Decoder, anthropic, openai},
    failure::{Failure, Kind, Partial},
    http::{Answer, Http, refusal},
    relay::{self, splice},
    sse::{Event, Reader},
    upstream::{Operation, Pieces, Relay, Relayed, Upstream},
};

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    Openai {
        /// Whether it has to be asked for usage in streams. Who need not be asked may take the question ill.
        stream_options: bool,
    },
    Anthropic,
}

/// Whether a provider of OpenAI's dialect takes `/responses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responses {
    Yes,
    No,
    /// It is asked once.
    Unknown,
}

/// A provider at an address.
#[derive(Debug)]
pub struct Native {
    http: Http,
    tongue: Tongue,
    responses: Responses,
    /// It has been asked for `/responses`, and did not know it.
    unspoken: AtomicBool,
}

impl Native {
    pub fn new(http: Http, tongue: Tongue, responses: Responses) -> Self {
        Self {
            http,
            tongue,
            responses,
            unspoken: AtomicBool::new(false),
        }
    }

    async fn pass(&self, request: Relay) -> Result<Relayed, Failure> {
        let operation = request.operation;
        if !self.relays(operation) {
            return Err(unspoken(Failure::new(Kind::Broken, "")));
        }
        let request = match self.tongue {
            Tongue::Openai {
                stream_options: false,
            } if operation == Operation::ChatCompletions => {
                let body = splice::without(&request.body, "stream_options");
                Relay { body, ..request }
            }
            _ => request,
        };
        let answer = relay::relay(&self.http, request).await;
        answer.map_err(|failure| {
            let asked = match operation {
                Operation::Responses => self.responses == Responses::Unknown,
                Operation::CountTokens => true,
                _ => false,
            };
            if !asked || !is_unspoken(&failure) {
                return failure;
            }
            if operation == Operation::Responses {
                self.unspoken.store(true, Ordering::Relaxed);
            }
            unspoken(failure)
        })
    }

    async fn ask(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<ChatAnswer, Failure> {
        let (operation, mut body) = match self.tongue {
            Tongue::Openai { .. } => (Operation::ChatCompletions, openai::write_request(request)),
            Tongue::Anthropic => (Operation::Messages, anthropic::write_request(request)),
        };
        if let (
            Tongue::Openai {
                stream_options: false,
            },
            Some(body),
        ) = (self.tongue, body.as_object_mut())
        {
            body.shift_remove("stream_options");
        }
        let mut answer = self.post(operation, &body).await?;
        if request.stream && relay::is_stream(&answer) {
            let decoder = match self.tongue {
                Tongue::Openai { .. } => openai::decoder(),
                Tongue::Anthropic => anthropic::decoder(),
            };
            return hear(answer, decoder, pieces).await;
        }
        let body = json(&mut answer).await?;
        let read = match self.tongue {
            Tongue::Openai { .. } => openai::read_answer(&body),
            Tongue::Anthropic => anthropic::read_answer(&body),
        };
        read.map_err(|failure| refusal::cleaned(failure, answer.key()))
    }

    async fn vectors(&self, request: &EmbedRequest) -> Result<EmbedAnswer, Failure> {
        if self.tongue == Tongue::Anthropic {
            return Err(Failure::new(
                Kind::NoSuchOperation,
                "it has no embeddings: use a model of another provider",
            ));
        }
        let body = openai::embeddings::write_embed_request(request);
        let mut answer = self.post(Operation::Embeddings, &body).await?;
        let body = json(&mut answer).await?;
        let read = openai::embeddings::read_embed_answer(&body)
            .map_err(|failure| refusal::cleaned(failure, answer.key()))?;
        if read.vectors.len() == request.inputs.len() {
            return Ok(read);
        }
        Err(Failure::new(
            Kind::Broken,
            "it answered with another number of vectors than was asked for",
        ))
    }

    async fn post(&self, operation: Operation, body: &Value) -> Result<Answer, Failure> {
        let body = Bytes::from(body.to_string());
        self.http
            .post(relay::path(operation), body, HeaderMap::new())
            .await
    }
}

impl Upstream for Native {
    fn relays(&self, operation: Operation) -> bool {
        match (self.tongue, operation) {
            (Tongue::Openai { .. }, Operation::Responses) => match self.responses {
                Responses::Yes => true,
                Responses::No => false,
                Responses::Unknown => !self.unspoken.load(Ordering::Relaxed),
            },
            (Tongue::Openai { .. }, Operation::ChatCompletions | Operation::Embeddings)
            | (Tongue::Anthropic, Operation::Messages | Operation::CountTokens) => true,
            _ => false,
        }
    }

    fn relay(&self, request: Relay) -> BoxFuture<'_, Result<Relayed, Failure>> {
        self.pass(request).boxed()
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        pieces: Option<Pieces>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>> {
        self.ask(request, pieces).boxed()
    }

    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>> {
        self.vectors(request).boxed()
    }
}

/// Whether a path, and not a model, is unknown there.
fn is_unspoken(failure: &Failure) -> bool {
    let model = matches!(
        failure.code.as_deref(),
        Some("model_not_found" | "not_found_error")
    );
    matches!(failure.status, Some(404 | 405 | 501)) && !model
}

fn unspoken(failure: Failure) -> Failure {
    Failure {
        kind: Kind::NoSuchOperation,
        message: "it does not speak this operation".to_owned(),
        ..failure
    }
}

async fn json(answer: &mut Answer) -> Result<Value, Failure> {
    let body = answer.whole().await?;
    let body = answer.key().map_or(body.clone(), |key| key.strike(body));
    serde_json::from_slice(&body).map_err(|_| Failure::new(Kind::Broken, "its answer is no JSON"))
}

/// A stream under way, and what is understood of it.
struct Listening {
    answer: Answer,
    decoder: Box<dyn Decoder>,
    pieces: Option<Pieces>,
    /// Whether there has been content.
    begun: bool,
    /// Whether the event has come after which nothing comes.
    over: bool,
}

async fn hear(
    answer: Answer,
    decoder: Box<dyn Decoder>,
    pieces: Option<Pieces>,
) -> Result<ChatAnswer, Failure> {
    let mut listening = Listening {
        answer,
        decoder,
        pieces,
        begun: false,
        over: false,
    };
    let fate = listening.all().await;
    let Listening {
        answer,
        mut decoder,
        begun,
        ..
    } = listening;
    let failure = match fate {
        _ if decoder.is_done() => return Ok(decoder.answer()),
        Ok(()) => Failure::new(Kind::Truncated, "the answer broke off before its end"),
        Err(failure) => refusal::cleaned(failure, answer.key()),
    };
    let usage = decoder.usage();
    let partial = begun.then(|| {
        Box::new(Partial {
            text: decoder.answer().text(),
            usage,
        })
    });
    Err(Failure { partial, ..failure })
}

impl Listening {
    async fn all(&mut self) -> Result<(), Failure> {
        let mut reader = Reader::default();
        while let Some(chunk) = self.answer.chunk().await? {
            let batch = reader
                .push(chunk)
                .map_err(|_| Failure::new(Kind::Broken, "one of its events is too large"))?;
            for event in batch.events() {
                self.event(event).await?;
            }
            if self.over {
                self.answer.linger().await;
                return Ok(());
            }
        }
        for event in reader.finish().events() {
            self.event(event).await?;
        }
        Ok(())
    }

    async fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        let Some((name, data)) = event.parse() else {
            return Ok(());
        };
        let mut new = Vec::new();
        let heard = self.decoder.event(&name, &data, &mut new);
        self.over |= name == "message_stop" || data.trim() == "[DONE]";
        self.begun |= !new.is_empty();
        if let Some(pieces) = &self.pieces {
            for piece in new {
                // Without a reader the answer still has all of it.
                let _ = pieces.send(piece).await;
            }
        }
        heard
    }
}
