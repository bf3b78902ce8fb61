//! A JSON-RPC message before anything acts on it: one object, well-formed, not too deep, not too large.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::{Value, json};

/// A refusal before it becomes a response.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: i32,
    message: String,
    retry: bool,
    id: Value,
}

impl Refusal {
    /// The same refusal, as the answer to the request with this id.
    pub fn to(self, id: Value) -> Self {
        Self { id, ..self }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let error = json!({"code": refusal.code, "message": refusal.message});
        let body = json!({"jsonrpc": "2.0", "id": refusal.id, "error": error}).to_string();
        let mut response = (
            refusal.status,
            [(header::CONTENT_TYPE, "application/json")],
            body,
        )
            .into_response();
        if refusal.retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// A JSON-RPC error that answers no particular request.
pub fn refuse(status: StatusCode, code: i32, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
        retry: false,
        id: Value::Null,
    }
}

/// Too many sessions or too slow a session: come back later.
pub fn busy(status: StatusCode, message: &str) -> Refusal {
    Refusal {
        retry: true,
        ..refuse(status, -32000, message)
    }
}

/// Reads the body, at most `limit` bytes.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            -32600,
            format!("the request body exceeds {limit} bytes: send less at once"),
        )),
        Err(_) => Err(refuse(
            StatusCode::BAD_REQUEST,
            -32700,
            "the request body broke off",
        )),
    }
}

/// The part of a message that transports need: everything else is only checked for being JSON.
#[derive(Debug, Deserialize)]
pub struct Peek<'a> {
    /// The method, unless it is a response.
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Value,
}

impl Peek<'_> {
    /// The id that an answer repeats: null where the message has none, or none that JSON-RPC knows.
    pub fn id(&self) -> Value {
        match &self.id {
            id @ (Value::String(_) | Value::Number(_)) => id.clone(),
            _ => Value::Null,
        }
    }
}

/// Deepest nesting of a message: what serde_json reads into a value.
const MAX_DEPTH: usize = 128;

/// Whether brackets nest too deep. The peek skips over values without counting.
fn too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth >= MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Checks that `body` is one JSON object, not too deep, and peeks into it.
pub fn peek(body: &[u8]) -> Result<Peek<'_>, Refusal> {
    match body.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                -32600,
                "batches are not served: send one JSON-RPC message a request",
            ));
        }
        _ => {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                -32700,
                "the body is not a JSON-RPC message",
            ));
        }
    }
    if too_deep(body) {
        let message = format!("the body nests deeper than {MAX_DEPTH} levels");
        return Err(refuse(StatusCode::BAD_REQUEST, -32700, message));
    }
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            refuse(
                StatusCode::BAD_REQUEST,
                -32600,
                "the body is not a JSON-RPC message: method must be a string",
            )
        } else {
            let place = format!(
                "the body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            );
            refuse(StatusCode::BAD_REQUEST, -32700, place)
        }
    })
}

/// The parameters of a message that has been peeked into, as JSON.
pub fn params(body: &[u8]) -> String {
    let params = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|mut message| message.get_mut("params").map(Value::take));
    params.unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: &str) -> Option<u16> {
        peek(body.as_bytes()).err().map(|r| r.status.as_u16())
    }

    #[test]
    fn one_json_object_passes() {
        let message = br#" {"jsonrpc":"2.0","id":1,"method":"tools\/list","params":{"a":[1,{}]}}"#;
        let peeked = peek(message).unwrap();
        assert_eq!(peeked.method.as_deref(), Some("tools/list"));
        assert_eq!(peeked.id(), 1);
        assert_eq!(peek(br#"{"id":[1]}"#).unwrap().id(), Value::Null);
        assert!(
            peek(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
                .unwrap()
                .method
                .is_none()
        );
    }

    #[test]
    fn everything_else_is_a_bad_request() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            "",
            "x",
            "[]",
            "[{}]",
            "{",
            "{\"a\":}",
            "\"x\"",
            "{\"method\":1}",
            deep.as_str(),
        ] {
            assert_eq!(
                status(body),
                Some(400),
                "{}",
                body.get(..20).unwrap_or(body)
            );
        }
    }
}
