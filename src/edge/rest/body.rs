//! Bodies of requests: their bytes, and their type.

use axum::{
    Json,
    body::Body,
    extract::{
        Request,
        rejection::{BytesRejection, FailedToBufferBody, JsonRejection},
    },
};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::binding::object;
use crate::tool::{Code, ToolError};

/// A body as axum reads it: an object alone, where serde would take a list of the fields' values too.
pub type Sent = Result<Json<Map<String, Value>>, JsonRejection>;

/// A request's body, at most `limit` bytes of it.
pub async fn collect(body: Body, limit: usize) -> Result<Bytes, ToolError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let problem = format!("the request body exceeds {limit} bytes: send less at once");
            Err(ToolError::too_large(problem))
        }
        Err(_) => Err(ToolError::invalid("", "the request body broke off")),
    }
}

/// Refuses a body that is said to be something else than JSON. One that is not said to be anything is taken for it.
pub fn check_type(headers: &HeaderMap) -> Result<(), ToolError> {
    match headers.get(header::CONTENT_TYPE) {
        Some(value) if !value.to_str().is_ok_and(is_json) => Err(other_type()),
        _ => Ok(()),
    }
}

/// `application/json`, or a type that is written in it (RFC 6839), whatever its parameters.
fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let kind = essence.strip_prefix("application/");
    kind.is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn other_type() -> ToolError {
    let problem = "the body must be JSON: send it with Content-Type: application/json";
    ToolError::new(Code::UnsupportedMediaType, problem)
}

/// What was sent, where every field has a default: no body is as good as an empty object.
pub async fn optional<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, ToolError> {
    let (parts, sent) = request.into_parts();
    let read = collect(sent, limit).await?;
    if !read.is_empty() {
        check_type(&parts.headers)?;
    }
    parsed(object(&read)?)
}

/// What was sent.
pub fn body<T: DeserializeOwned>(sent: Sent) -> Result<T, ToolError> {
    let Json(map) = sent.map_err(|refused| match refused {
        JsonRejection::MissingJsonContentType(_) => other_type(),
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
            FailedToBufferBody::LengthLimitError(_),
        )) => ToolError::too_large("the request body is too large: send less at once"),
        other => ToolError::invalid("", other.body_text()),
    })?;
    parsed(map)
}

fn parsed<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, ToolError> {
    serde_json::from_value(map.into()).map_err(|e| ToolError::invalid("", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
        ] {
            assert!(is_json(media), "{media}");
        }
        for media in [
            "",
            "text/plain",
            "text/plain; json",
            "text/json",
            "application/jsonx",
        ] {
            assert!(!is_json(media), "{media}");
        }
    }
}
