//! What a provider says when it refuses: an HTTP error, or an error within a stream, as a [`Failure`].

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::super::{
    failure::{Failure, Kind},
    secret::Secret,
};
use crate::base::{outbound, redact};

/// Longest message of a provider that is passed on, in characters.
const MAX_MESSAGE: usize = 300;
/// What of a message is looked at, in bytes.
const MAX_READ: usize = 4096;
/// Longest wait that is believed.
const MAX_WAIT: f64 = 86_400.0;

/// An HTTP answer that was no success.
pub fn of_answer(status: u16, headers: &HeaderMap, body: &str, key: Option<&Secret>) -> Failure {
    let said = Said::read(body);
    let message = match said.message.trim() {
        "" => format!("it answered {status}"),
        message => clean(message, key),
    };
    Failure {
        code: said.code.map(|code| clean(&code, key)),
        param: said.param.map(|param| clean(&param, key)),
        should_retry: match headers
            .get("x-should-retry")
            .map(http::HeaderValue::as_bytes)
        {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        },
        ..Failure::of_status(status, message, retry_after(headers).or(said.wait))
    }
}

/// An error that comes as JSON where an answer should be: in a stream, or with status 200.
pub fn of_event(data: &str, key: Option<&Secret>) -> Failure {
    let said = Said::read(data);
    let status = said.status.or_else(|| {
        [said.code.as_deref(), said.kind.as_deref()]
            .into_iter()
            .flatten()
            .find_map(status_of)
    });
    let message = match said.message.trim() {
        "" => "it broke off with an error".to_owned(),
        message => clean(message, key),
    };
    Failure {
        kind: status.map_or(Kind::Broken, Kind::of_status),
        status,
        code: said.code.map(|code| clean(&code, key)),
        param: said.param.map(|param| clean(&param, key)),
        ..Failure::new(Kind::Broken, message)
    }
}

/// `text` of a provider: short, and without the key or what looks like one.
pub fn clean(text: &str, key: Option<&Secret>) -> String {
    let mut most = text.len().min(MAX_READ);
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    let text = text.get(..most).unwrap_or_default();
    let text = key.map_or(Cow::Borrowed(text), |key| Cow::Owned(key.scrub(text)));
    redact::text(&text).chars().take(MAX_MESSAGE).collect()
}

/// The failure of one who knows the key, for others.
pub fn cleaned(failure: Failure, key: Option<&Secret>) -> Failure {
    Failure {
        message: clean(&failure.message, key),
        code: failure.code.map(|code| clean(&code, key)),
        param: failure.param.map(|param| clean(&param, key)),
        ..failure
    }
}

/// `retry-after-ms`, or `retry-after`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let ms = || {
        headers
            .get("retry-after-ms")?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let seconds = ms().map(|ms: f64| ms / 1000.0);
    seconds
        .or_else(|| Some(outbound::retry_after(headers)?.as_secs_f64()))
        .and_then(believed)
}

fn believed(seconds: f64) -> Option<Duration> {
    (0.0..=MAX_WAIT)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// Google's `RetryInfo`, as in `"retryDelay": "17s"`.
fn retry_delay(error: &Value) -> Option<Duration> {
    let mut details = error.get("details")?.as_array()?.iter();
    let delay = details.find_map(|detail| detail.get("retryDelay")?.as_str())?;
    believed(delay.strip_suffix('s')?.parse().ok()?)
}

/// The HTTP status that an error's word stands for.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "invalid_prompt" | "context_length_exceeded" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
        "api_error" | "server_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" | "server_is_overloaded" | "slow_down" => 529,
        number => number
            .parse()
            .ok()
            .filter(|status| (400..600).contains(status))?,
    })
}

/// The parts of an error, in whichever shape it came.
#[derive(Default)]
struct Said {
    message: String,
    code: Option<String>,
    /// Its `type`.
    kind: Option<String>,
    param: Option<String>,
    status: Option<u16>,
    wait: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    response: Value,
    #[serde(default)]
    detail: Value,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl Said {
    fn read(body: &str) -> Self {
        let Ok(parsed) = serde_json::from_str::<Body>(body) else {
            // A page of a proxy says nothing that its status does not.
            let page = body.trim_start().starts_with('<');
            return Self {
                message: if page { "" } else { body }.to_owned(),
                ..Self::default()
            };
        };
        let rest = Value::Object(parsed.rest);
        // OpenAI and Anthropic; responses' `response.failed`; FastAPI; Mistral and events of responses.
        let inner = [
            &parsed.error,
            parsed.response.get("error").unwrap_or(&Value::Null),
            parsed.detail.get(0).unwrap_or(&parsed.detail),
        ];
        let inner = inner
            .into_iter()
            .find(|inner| !inner.is_null())
            .unwrap_or(&rest);
        let text = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = text("message").or_else(|| text("msg"));
        let kind = text("type").filter(|kind| kind != "error");
        // Anthropic has no other word for it than the type.
        let anthropic =
            rest.get("type").and_then(Value::as_str) == Some("error") && parsed.error.is_object();
        let code = match inner.get("code") {
            // Google repeats the status there, and has the word elsewhere.
            Some(Value::Number(_)) if text("status").is_some() => text("status"),
            Some(Value::Number(code)) => Some(code.to_string()),
            Some(Value::String(code)) => Some(code.clone()),
            _ if anthropic => kind.clone(),
            _ => None,
        };
        Self {
            message: message
                .or_else(|| inner.as_str().map(str::to_owned))
                .unwrap_or_else(|| {
                    if inner.as_object().is_some_and(serde_json::Map::is_empty) {
                        String::new()
                    } else {
                        inner.to_string()
                    }
                }),
            status: inner
                .get("status_code")
                .and_then(Value::as_u64)
                .and_then(|status| u16::try_from(status).ok()),
            param: text("param"),
            wait: retry_delay(inner),
            code,
            kind,
        }
    }
}
