//! Requests that stay in their dialect: they go out as they came, and answers come back byte for byte, with an ear at them.

pub mod head;
mod hearing;
pub mod splice;
mod stream;
#[cfg(test)]
mod tests;
mod usage;
mod walk;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::{head::Head, splice::rewrite};
use super::{
    failure::{Failure, Kind},
    http::{Answer, Http, refusal},
    secret::Secret,
    upstream::{Operation, Relay, Relayed},
};

/// Headers of an answer that callers may see, beside the provider's limits.
const PASSED: [&str; 4] = [
    "retry-after",
    "retry-after-ms",
    "openai-processing-ms",
    "openai-version",
];
/// How the headers of a provider's limits begin.
const LIMITS: [&str; 2] = ["anthropic-ratelimit-", "x-ratelimit-"];

/// Relays `request` to the provider at `http`.
pub async fn relay(http: &Http, request: Relay) -> Result<Relayed, Failure> {
    let operation = request.operation;
    let mut answer = http
        .post(path(operation), request.body, request.headers)
        .await?;
    let headers = passed(answer.headers(), answer.key());
    if request.stream && is_stream(&answer) {
        let flow = stream::relay(answer, operation, request.include_usage);
        return Ok(Relayed::Stream { headers, flow });
    }
    let body = answer.whole().await?;
    match hearing::whole(operation, &body) {
        Some(_) if request.stream => Err(Failure::new(
            Kind::Broken,
            "it was asked for a stream, and answered without one",
        )),
        Some(tally) => Ok(Relayed::Whole {
            body: answer
                .key()
                .map_or_else(|| body.clone(), |key| key.strike(body.clone())),
            headers,
            tally,
        }),
        None if body.trim_ascii_start().starts_with(b"{") => Err(refusal::of_event(
            &String::from_utf8_lossy(&body),
            answer.key(),
        )),
        None => Err(Failure::new(Kind::Broken, "its answer is no JSON")),
    }
}

/// Where an operation is, below a provider's base.
pub fn path(operation: Operation) -> &'static str {
    match operation {
        Operation::ChatCompletions => "chat/completions",
        Operation::Responses => "responses",
        Operation::Embeddings => "embeddings",
        Operation::Messages => "messages",
        Operation::CountTokens => "messages/count_tokens",
    }
}

/// Whether an answer is what it was asked to be. Servers that do not say are believed.
pub fn is_stream(answer: &Answer) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// The headers that the caller may see. The provider's id of the request gets another name: the hub has its own.
fn passed(headers: &HeaderMap, key: Option<&Secret>) -> HeaderMap {
    let name = |name: &HeaderName| match name.as_str() {
        "x-request-id" | "request-id" => Some(HeaderName::from_static("x-upstream-request-id")),
        known if PASSED.contains(&known) || LIMITS.iter().any(|start| known.starts_with(start)) => {
            Some(name.clone())
        }
        _ => None,
    };
    let clean = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        HeaderValue::try_from(refusal::clean(text, key)).ok()
    };
    headers
        .iter()
        .filter_map(|(known, value)| Some((name(known)?, clean(value)?)))
        .collect()
}
