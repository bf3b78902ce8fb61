//! Real providers, through genai.
//!
//! Three habits of genai are worked around: a name it does not know would go to Ollama on this machine, so a whole
//! [`ServiceTarget`] is always given; a name that ends in `-high` and the like would lose its end, so the name is put
//! back into the body; and a stream that ends without its end event looks like success, so that is checked here.

#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::OnceLock, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use genai::{
    Client, Error as GenaiError, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{self, ChatMessage, ChatOptions, ChatStreamEvent, StopReason},
    embed::EmbedOptions,
    resolver::{AuthData, Endpoint},
    webc,
};
use serde_json::{Value, json};

use super::{
    failure::{Failure, Kind, Partial},
    provider::{
        ChatAnswer, ChatRequest, Delta, EmbedAnswer, EmbedRequest, Finish, Provider, Role, Usage,
    },
    secret::{self, Secret},
};
use crate::base::redact;

/// Longest message of a provider that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// Where a provider is and how to get in.
#[derive(Debug, Clone)]
pub struct Access {
    pub adapter: AdapterKind,
    /// Whether it speaks OpenAI's dialect, whose names genai takes apart.
    pub openai: bool,
    /// The provider's own address unless given.
    pub base_url: Option<String>,
    pub key_env: Option<String>,
    pub key_file: Option<PathBuf>,
    pub connect_timeout: Duration,
    /// Longest silence: until the first byte, and between two.
    pub read_timeout: Duration,
}

/// A provider behind the network.
pub struct Remote {
    access: Access,
    /// Built at first use: TLS roots take time to load.
    client: OnceLock<Client>,
}

impl Remote {
    pub fn new(access: Access) -> Self {
        Self {
            access,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails when it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(self.access.connect_timeout)
            .read_timeout(self.access.read_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| {
                Failure::new(
                    Kind::Broken,
                    format!("no HTTP client can be built: {error}"),
                )
            })?;
        let client = Client::builder().with_reqwest(http).build();
        let client = client.map_err(|error| failure(&error, None))?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn target(&self, model: &str) -> Result<(ServiceTarget, Option<Secret>), Failure> {
        let key = secret::read(
            self.access.key_env.as_deref(),
            self.access.key_file.as_deref(),
        )
        .await?;
        let iden = ModelIden::new(self.access.adapter, model.to_owned());
        let endpoint = match &self.access.base_url {
            // A base without its last slash would lose its last part when the path is joined.
            Some(url) if url.ends_with('/') => Endpoint::from_owned(url.as_str()),
            Some(url) => Endpoint::from_owned(format!("{url}/")),
            None => {
                let known = self.client()?.resolve_service_target(iden.clone()).await;
                known
                    .map_err(|error| failure(&error, key.as_ref()))?
                    .endpoint
            }
        };
        // Servers without authentication still get a key: genai sends none only where it must have one.
        let auth = AuthData::from_single(key.as_ref().map_or("none", Secret::reveal));
        Ok((
            ServiceTarget {
                endpoint,
                auth,
                model: iden,
            },
            key,
        ))
    }

    async fn ask(&self, request: &ChatRequest, delta: Delta<'_>) -> Result<ChatAnswer, Failure> {
        let (target, key) = self.target(&request.model).await?;
        let (chat, options) = (chat_of(request), options_of(request, self.access.openai));
        let failed = |error: &GenaiError| failure(error, key.as_ref());
        if request.stream {
            let stream = self
                .client()?
                .exec_chat_stream(target, chat, Some(&options))
                .await;
            return hear(
                stream.map_err(|error| failed(&error))?.stream,
                delta,
                &failed,
            )
            .await;
        }
        let answer = self
            .client()?
            .exec_chat(target, chat, Some(&options))
            .await
            .map_err(|error| failed(&error))?;
        Ok(ChatAnswer {
            finish: finish(answer.stop_reason.as_ref()),
            usage: usage(&answer.usage),
            text: answer.into_texts().concat(),
        })
    }

    async fn vectors(&self, request: &EmbedRequest) -> Result<EmbedAnswer, Failure> {
        let (target, key) = self.target(&request.model).await?;
        let mut options = EmbedOptions::new().with_capture_usage(true);
        options.dimensions = request.dimensions.map(|dimensions| dimensions as usize);
        let answer = self
            .client()?
            .embed_batch(target, request.inputs.clone(), Some(&options))
            .await;
        let answer = answer.map_err(|error| failure(&error, key.as_ref()))?;
        let usage = usage(&answer.usage);
        let mut embeddings = answer.embeddings;
        embeddings.sort_by_key(|embedding| embedding.index);
        if embeddings.len() != request.inputs.len() {
            return Err(Failure::new(
                Kind::Broken,
                "it answered with another number of vectors than was asked for",
            ));
        }
        Ok(EmbedAnswer {
            vectors: embeddings
                .into_iter()
                .map(|embedding| embedding.vector)
                .collect(),
            usage,
        })
    }
}

impl Provider for Remote {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        delta: Delta<'a>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>> {
        self.ask(request, delta).boxed()
    }

    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>> {
        self.vectors(request).boxed()
    }
}

async fn hear(
    mut stream: chat::ChatStream,
    delta: Delta<'_>,
    failed: &(dyn Fn(&GenaiError) -> Failure + Sync),
) -> Result<ChatAnswer, Failure> {
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatStreamEvent::Chunk(chunk)) => {
                text.push_str(&chunk.content);
                delta(&chunk.content);
            }
            Ok(ChatStreamEvent::End(end)) => {
                return Ok(ChatAnswer {
                    text,
                    finish: finish(end.captured_stop_reason.as_ref()),
                    usage: end.captured_usage.as_ref().map(usage).unwrap_or_default(),
                });
            }
            Ok(_) => {}
            Err(error) if text.is_empty() => return Err(failed(&error)),
            Err(error) => {
                return Err(Failure {
                    kind: Kind::Truncated,
                    partial: partial(text),
                    ..failed(&error)
                });
            }
        }
    }
    let broken = Failure::new(Kind::Truncated, "the answer broke off before its end");
    Err(Failure {
        partial: partial(text),
        ..broken
    })
}

/// What a stream had brought when it broke off; its usage comes with its end and is lost.
fn partial(text: String) -> Option<Box<Partial>> {
    let usage = Usage::default();
    (!text.is_empty()).then(|| Box::new(Partial { text, usage }))
}

fn chat_of(request: &ChatRequest) -> chat::ChatRequest {
    let messages = request.messages.iter().map(|message| match message.role {
        Role::System => ChatMessage::system(message.content.clone()),
        Role::User => ChatMessage::user(message.content.clone()),
        Role::Assistant => ChatMessage::assistant(message.content.clone()),
    });
    chat::ChatRequest::new(messages.collect())
}

fn options_of(request: &ChatRequest, openai: bool) -> ChatOptions {
    let mut options = ChatOptions::default()
        .with_capture_usage(true)
        .with_stop_sequences(request.stop.clone());
    options.temperature = request.temperature;
    options.top_p = request.top_p;
    options.max_tokens = request.max_tokens;
    options.seed = request.seed;
    if openai
        && chat::ReasoningEffort::from_model_name(&request.model)
            .0
            .is_some()
    {
        options.extra_body = Some(json!({ "model": request.model, "reasoning_effort": null }));
    }
    options
}

fn finish(reason: Option<&StopReason>) -> Finish {
    match reason {
        Some(StopReason::Completed(_) | StopReason::StopSequence(_)) => Finish::Stop,
        Some(StopReason::MaxTokens(_)) => Finish::Length,
        Some(StopReason::ToolCall(_)) => Finish::ToolCalls,
        Some(StopReason::ContentFilter(_)) => Finish::ContentFilter,
        Some(StopReason::Other(_)) | None => Finish::Other,
    }
}

fn usage(usage: &chat::Usage) -> Usage {
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    Usage {
        input: count(usage.prompt_tokens),
        cached: usage
            .prompt_tokens_details
            .as_ref()
            .and_then(|details| count(details.cached_tokens)),
        output: count(usage.completion_tokens),
        reasoning: usage
            .completion_tokens_details
            .as_ref()
            .and_then(|details| count(details.reasoning_tokens)),
        ..Usage::default()
    }
}

fn failure(error: &GenaiError, key: Option<&Secret>) -> Failure {
    match error {
        // The first event of a stream carries what the request itself met.
        GenaiError::WebStream { error, cause, .. } => match error.downcast_ref::<GenaiError>() {
            Some(inner) => failure(inner, key),
            None => match error.downcast_ref::<reqwest::Error>() {
                Some(error) => of_http(error),
                None => Failure::new(Kind::Broken, said(cause, key)),
            },
        },
        GenaiError::HttpError { body, .. } => of_status(error, body, key),
        GenaiError::WebModelCall { webc_error, .. }
        | GenaiError::WebAdapterCall { webc_error, .. } => match webc_error {
            webc::Error::ResponseFailedStatus { body, .. } => of_status(error, body, key),
            webc::Error::Reqwest(error) => of_http(error),
            _ => Failure::new(Kind::Broken, "it answered with something that is no JSON"),
        },
        GenaiError::ChatResponse { body, .. } => {
            Failure::new(Kind::Broken, said(&body.to_string(), key))
        }
        GenaiError::MessageRoleNotSupported { .. }
        | GenaiError::MessageContentTypeNotSupported { .. }
        | GenaiError::LastChatMessageIsNotUser { .. }
        | GenaiError::ChatReqHasNoMessages { .. } => {
            Failure::new(Kind::BadRequest, said(&error.to_string(), key))
        }
        GenaiError::AdapterNotSupported { .. } => {
            Failure::new(Kind::BadRequest, "this kind of provider cannot do that")
        }
        _ => Failure::new(Kind::Broken, "its answer makes no sense"),
    }
}

fn of_http(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::new(Kind::TimedOut, "it did not answer in time");
    }
    let what = if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke"
    };
    Failure::new(Kind::Broken, what)
}

fn of_status(error: &GenaiError, body: &str, key: Option<&Secret>) -> Failure {
    let status = error.status().map_or(0, |status| status.as_u16());
    let header = |name: &str| {
        error
            .headers()
            .and_then(|headers| headers.get(name)?.to_str().ok()?.parse::<f64>().ok())
    };
    let wait = header("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| header("retry-after"));
    let wait = wait
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64);
    Failure::of_status(status, said(body, key), wait)
}

/// What a provider said, short, without its JSON and without the key.
fn said(body: &str, key: Option<&Secret>) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let inner = parsed.as_ref().and_then(|body| {
        let error = body.get("error").unwrap_or(body);
        error.get("message").unwrap_or(error).as_str()
    });
    let text = inner.unwrap_or(body).trim();
    let text = key.map_or_else(|| text.to_owned(), |key| key.scrub(text));
    redact::text(&text).chars().take(MAX_MESSAGE).collect()
}
