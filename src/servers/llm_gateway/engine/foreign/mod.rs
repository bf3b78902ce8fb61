//! Providers of foreign dialects, through genai: Gemini, Vertex AI and Bedrock.
//!
//! Some habits of genai are worked around: a name it does not know would go to Ollama on this machine, so a whole
//! [`ServiceTarget`] is always given; a name that ends in `-high` and the like would lose its end, so it is refused; and a
//! stream that ends without its end event, or with one that gives no reason, looks like success, so that is checked here.

mod answer;
mod failure;
mod request;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use futures::{FutureExt, future::BoxFuture};
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    embed::EmbedOptions,
    resolver::{AuthData, Endpoint},
};
use reqwest::Url;

use super::{
    chat::{ChatAnswer, ChatRequest, EmbedAnswer, EmbedRequest},
    failure::{Failure, Kind},
    http::{self, Timeouts, address::Reach},
    secret::{Keeper, Secret},
    upstream::{Operation, Pieces, Relay, Relayed, Upstream},
};

/// A provider that speaks a dialect of its own.
#[derive(Debug)]
pub struct Foreign {
    adapter: AdapterKind,
    base: Url,
    keeper: Keeper,
    timeouts: Timeouts,
    reach: Reach,
    /// Built at first use: TLS roots take time to load.
    client: OnceLock<Client>,
}

impl Foreign {
    pub fn new(
        adapter: AdapterKind,
        base: Url,
        keeper: Keeper,
        timeouts: Timeouts,
        reach: Reach,
    ) -> Self {
        Self {
            adapter,
            base,
            keeper,
            timeouts,
            reach,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let http = http::build(self.timeouts.connect, self.reach)
            // Streams have closer limits of their own.
            .read_timeout(self.timeouts.first_byte.max(self.timeouts.idle))
            .build()
            .map_err(|error| http::no_client(&error))?;
        let client = Client::builder().with_reqwest(http).build();
        let client = client.map_err(|error| failure::of(&error, None))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn target(&self, model: &str) -> Result<(ServiceTarget, Option<Secret>), Failure> {
        let key = self.keeper.key()?;
        // genai adds paths as they are: a base without its last slash would run into them.
        let base = format!("{}/", self.base.as_str().trim_end_matches('/'));
        // Servers without authentication still get a key: genai sends none only where it must have one.
        let auth = AuthData::from_single(key.as_ref().map_or("none", Secret::reveal));
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(base),
            auth,
            model: ModelIden::new(self.adapter, model.to_owned()),
        };
        Ok((target, key))
    }

    async fn ask(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<ChatAnswer, Failure> {
        request::check(request)?;
        let (target, key) = self.target(&request.model)?;
        let failed = |error: &genai::Error| failure::of(error, key.as_ref());
        let chat = request::chat(request);
        let options = request::options(request, &self.timeouts);
        let client = self.client()?;
        if request.stream {
            let stream = client.exec_chat_stream(target, chat, Some(&options)).await;
            let stream = stream.map_err(|error| failed(&error))?.stream;
            return answer::hear(stream, pieces, failed).await;
        }
        let whole = client.exec_chat(target, chat, Some(&options)).await;
        whole.map(answer::whole).map_err(|error| failed(&error))
    }

    async fn vectors(&self, request: &EmbedRequest) -> Result<EmbedAnswer, Failure> {
        let (target, key) = self.target(&request.model)?;
        let mut options = EmbedOptions::new().with_capture_usage(true);
        options.dimensions = request.dimensions.map(|dimensions| dimensions as usize);
        let inputs = request.inputs.clone();
        let answer = self
            .client()?
            .embed_batch(target, inputs, Some(&options))
            .await;
        let answer = answer.map_err(|error| failure::of(&error, key.as_ref()))?;
        let usage = answer::usage(&answer.usage);
        let mut embeddings = answer.embeddings;
        embeddings.sort_by_key(|embedding| embedding.index);
        if embeddings.len() != request.inputs.len() {
            return Err(Failure::new(
                Kind::Broken,
                "it answered with another number of vectors than was asked for",
            ));
        }
        let vectors = embeddings.into_iter().map(|embedding| embedding.vector);
        Ok(EmbedAnswer {
            vectors: vectors.collect(),
            usage,
        })
    }
}

impl Upstream for Foreign {
    fn relays(&self, _: Operation) -> bool {
        false
    }

    fn relay(&self, _: Relay) -> BoxFuture<'_, Result<Relayed, Failure>> {
        let failure = Failure::new(Kind::NoSuchOperation, "it speaks a dialect of its own");
        std::future::ready(Err(failure)).boxed()
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
