//! One HTTP+SSE connection to a hub.

use std::{future::Future, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header};
use serde_json::{Value, json};

use super::events::Events;
use crate::cli::hub::http;

/// How long a hub may take to accept a connection or a message.
const PATIENCE: Duration = Duration::from_secs(30);
/// A stream on which not even keep-alives come for this long is dead.
const SILENCE: Duration = Duration::from_secs(90);
/// How often a message is offered to a hub that is too busy.
const OFFERS: u32 = 5;
/// Longest wait between two offers.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Why there is no link.
#[derive(Debug)]
pub enum NoLink {
    /// It is worth another try.
    NotNow(anyhow::Error),
    /// It will not get better by itself.
    Never(anyhow::Error),
}

/// What became of a message.
#[derive(Debug)]
pub enum Posted {
    Accepted,
    /// The hub does not want it: its JSON-RPC error, or what stands for one.
    Refused(Value),
    /// The hub is gone, or the session; it was not taken.
    NotTaken,
    /// The hub is gone; whether it was taken is unknown.
    Gone,
    /// The token is not good any more.
    Denied,
}

/// An open stream.
pub struct Link {
    client: Client,
    stream: Response,
    events: Events,
    messages: Url,
    token: String,
}

impl Link {
    /// Opens the stream at `url`.
    pub async fn open(url: Url, token: &str) -> Result<Self, NoLink> {
        let not_now = |e: reqwest::Error| NoLink::NotNow(e.into());
        let client = http()
            .connect_timeout(PATIENCE)
            .read_timeout(SILENCE)
            .build()
            .map_err(not_now)?;
        let stream = client
            .get(url.clone())
            .bearer_auth(token)
            .header(header::ACCEPT, "text/event-stream")
            .send()
            .await
            .map_err(not_now)?;
        let status = stream.status();
        if !status.is_success() {
            let body: Value = stream.json().await.unwrap_or_default();
            let said = ["/detail", "/error/message"]
                .iter()
                .find_map(|at| body.pointer(at)?.as_str())
                .unwrap_or("the hub does not say why");
            let error = anyhow::anyhow!("GET {url}: {status}: {said}");
            return Err(if is_busy(status) {
                NoLink::NotNow(error)
            } else {
                NoLink::Never(error)
            });
        }
        let mut link = Self {
            client,
            stream,
            events: Events::default(),
            messages: url.clone(),
            token: token.to_owned(),
        };
        let endpoint = tokio::time::timeout(PATIENCE, link.event("endpoint")).await;
        let path = endpoint.ok().flatten().ok_or_else(|| {
            NoLink::NotNow(anyhow::anyhow!("GET {url}: the stream ended at once"))
        })?;
        link.messages = url
            .join(&path)
            .map_err(|e| NoLink::Never(anyhow::anyhow!("GET {url}: bad endpoint {path:?}: {e}")))?;
        Ok(link)
    }

    /// The next message of the hub; none when the stream has ended. Can be dropped and asked again.
    pub async fn next(&mut self) -> Option<String> {
        self.event("message").await
    }

    async fn event(&mut self, kind: &str) -> Option<String> {
        loop {
            while let Some(event) = self.events.next() {
                if event.kind == kind || (event.kind.is_empty() && kind == "message") {
                    return Some(event.data);
                }
            }
            match self.stream.chunk().await {
                Ok(Some(chunk)) => self.events.push(&chunk),
                Ok(None) => return None,
                Err(error) => {
                    tracing::debug!(%error, "the stream broke off");
                    return None;
                }
            }
        }
    }

    /// Sends a message. A busy hub is asked again when it says so.
    pub fn post(&self, text: String) -> impl Future<Output = Posted> + Send + use<> {
        let (client, url, token) = (
            self.client.clone(),
            self.messages.clone(),
            self.token.clone(),
        );
        async move {
            let mut offers = 0;
            loop {
                let answer = client
                    .post(url.clone())
                    .bearer_auth(&token)
                    .header(header::CONTENT_TYPE, "application/json")
                    .timeout(PATIENCE)
                    .body(text.clone())
                    .send()
                    .await;
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(error) if error.is_connect() => return Posted::NotTaken,
                    Err(_) => return Posted::Gone,
                };
                offers += 1;
                match answer.status() {
                    status if status.is_success() => return Posted::Accepted,
                    StatusCode::UNAUTHORIZED => return Posted::Denied,
                    StatusCode::NOT_FOUND => return Posted::NotTaken,
                    status if is_busy(status) && offers < OFFERS => {
                        tokio::time::sleep(wait(&answer)).await;
                    }
                    _ => return Posted::Refused(error_of(answer).await),
                }
            }
        }
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

fn wait(answer: &Response) -> Duration {
    let seconds = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(MAX_WAIT)
}

/// The JSON-RPC error in a refusal, or one made of its status.
async fn error_of(answer: Response) -> Value {
    let status = answer.status();
    let mut body: Value = answer.json().await.unwrap_or_default();
    if let Some(error) = body.get_mut("error").filter(|e| e.is_object()) {
        return error.take();
    }
    let said = body.get("detail").and_then(Value::as_str);
    let message = format!("{status}: {}", said.unwrap_or("the hub does not say why"));
    json!({"code": -32000, "message": message})
}
