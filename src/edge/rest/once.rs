//! `Idempotency-Key`: a request that comes again with its key is done once, and answered as it was.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Problem, admin::administer, body::collect, request_id, stream};
use crate::{
    access::{Access, Answer, Entered, Held, IdempotencyKeys, Keyed, Principal},
    edge::{Hub, gate},
    tool::ToolError,
};

/// The header with the key, and the longest key.
const KEY: &str = "idempotency-key";
const MAX_KEY: usize = 255;
/// Says that an answer was given before.
const REPLAYED: &str = "idempotency-replayed";
/// How long administration may take: a backup of much.
const ADMINISTRATION: Duration = Duration::from_secs(3600);

/// The key that a request came with.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>, ToolError> {
    let mut values = headers.get_all(KEY).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let is_key = |text: &&str| {
        let visible = text.bytes().all(|b| (b' '..=b'~').contains(&b));
        visible && (1..=MAX_KEY).contains(&text.len())
    };
    let text = first.to_str().ok().filter(is_key);
    let only = text.filter(|_| values.next().is_none());
    only.map(Some).ok_or_else(|| {
        let problem = format!(
            "the header Idempotency-Key must be one text of 1 to {MAX_KEY} visible ASCII characters, such as a UUID"
        );
        ToolError::invalid("", problem)
    })
}

/// What the caller of a tool is told.
pub fn told(out: &Result<Value, ToolError>, request: Option<&Arc<str>>) -> Answer {
    match out {
        Ok(value) => Answer {
            status: StatusCode::OK.as_u16(),
            body: value.to_string(),
        },
        Err(error) => Answer {
            status: error.code.http_status(),
            body: Problem::new(error.again(), request).body().to_string(),
        },
    }
}

/// Keeps `answer` for those who repeat the request, if it would be the same then. Otherwise they may try again.
pub async fn keep(keys: &IdempotencyKeys, held: Held, answer: Answer) {
    let settled = match answer.status {
        401 | 403 | 409 | 429 | 499 => false,
        status => (200..500).contains(&status),
    };
    let kept = if settled {
        keys.settle(held, &answer).await
    } else {
        keys.release(held).await
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer to a request with an idempotency key was not kept: the key cannot be used again");
    }
}

/// An answer that was given before.
pub fn again(answer: &Answer, streamed: bool) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if streamed {
        let said = serde_json::from_str(&answer.body).unwrap_or_default();
        stream::ended(
            if status.is_success() {
                "result"
            } else {
                "error"
            },
            &said,
        )
    } else {
        let mut whole = (status, answer.body.clone()).into_response();
        let kind = match answer.body.as_str() {
            "" => None,
            _ if status.is_success() => Some("application/json"),
            _ => Some("application/problem+json"),
        };
        whole.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(kind) = kind {
            let kind = HeaderValue::from_static(kind);
            whole.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        whole
    };
    let replayed = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, replayed);
    response
}

/// Stands before administration.
pub async fn administration(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let who = request.extensions().get::<Arc<Principal>>().cloned();
    let who = who.filter(|who| who.grant.scopes.hub_admin() && !request.method().is_safe());
    let (Some(who), true) = (who, request.headers().contains_key(KEY)) else {
        return next.run(request).await;
    };
    let id = request_id(&request);
    // It goes on when its client goes away, who comes back for the answer.
    let done = tokio::spawn(administer_once(hub, who, request, next)).await;
    let answered = done.unwrap_or_else(|gone| Err(ToolError::internal(gone)));
    answered.unwrap_or_else(|error| Problem::new(error, id.as_ref()).into())
}

async fn administer_once(
    hub: Hub,
    who: Arc<Principal>,
    request: Request,
    next: Next,
) -> Result<Response, ToolError> {
    let path = gate::path(&request).to_owned();
    let id = request.extensions().get::<gate::RequestId>().cloned();
    let (parts, sent) = request.into_parts();
    let key = key(&parts.headers)?.unwrap_or_default();
    let sent = collect(sent, hub.http.max_body_bytes).await?;
    let keyed = Keyed {
        key,
        principal: &who.id,
        scope: ["", ""],
        target: [parts.method.as_str(), &path],
        content: [parts.uri.query().unwrap_or_default().as_bytes(), &sent],
        request: id.as_ref().map(|id| &*id.0).unwrap_or_default(),
        limit: ADMINISTRATION,
    };
    let held = match hub.idempotency.enter(&keyed).await? {
        Entered::Before(answer) => {
            let (id, given) = (id.map(Extension), async { Ok(again(&answer, false)) });
            let done = administer(&hub, &who, &id, "repeat_request", Access::Admin, given);
            return Ok(done.await.into_response());
        }
        Entered::Now(held) => held,
    };
    let request = Request::from_parts(parts, Body::from(sent));
    let (parts, body) = next.run(request).await.into_parts();
    let body = collect(body, usize::MAX).await?;
    let answer = Answer {
        status: parts.status.as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    keep(&hub.idempotency, held, answer).await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_key_is_one_text_that_can_be_seen() {
        assert_eq!(key(&of(&[])).unwrap(), None);
        for good in ["k", "\"8e03978e\"", &"x".repeat(255)] {
            assert_eq!(key(&of(&[good])).unwrap(), Some(good));
        }
        for bad in [
            &[""][..],
            &["a\tb"],
            &["é"],
            &["x".repeat(256).as_str()],
            &["a", "a"],
        ] {
            let refused = key(&of(bad)).unwrap_err();
            assert!(refused.message.contains("Idempotency-Key"), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_taken_or_refused(bytes in proptest::collection::vec(32_u8..127, 0..300)) {
            let text = String::from_utf8(bytes).unwrap();
            let taken = key(&of(&[&text])).is_ok();
            proptest::prop_assert_eq!(taken, (1..=255).contains(&text.len()));
        }
    }
}
