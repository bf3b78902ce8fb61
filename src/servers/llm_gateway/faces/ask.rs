//! A call of a model in a dialect.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;
use tokio::time::Instant;

use super::name_request;
use crate::{
    servers::llm_gateway::{
        LlmGateway,
        call::{
            Asked, attempts,
            lanes::wire::{Begun, Wire},
            live,
            request::{Done, Request},
            shared::{self, CacheWish, Found, Keep, Stored, Wish},
        },
        engine::{
            dialect::{BadRequest, Dialect, Meta},
            relay::head::{self, Head},
            tokens,
            upstream::Operation,
        },
        ledger::Remaining,
        record::{CacheOutcome, Kind},
        routing::plan::Wants,
    },
    tool::{Ctx, ToolError, WireBody, WireReply, WireRequest},
};

/// What is left of a call's time when its stream is ended: enough to say so.
const SPARE: Duration = Duration::from_secs(1);
/// The caller's headers that providers may see.
const FORWARDED: [&str; 3] = ["anthropic-version", "anthropic-beta", "openai-beta"];

/// Answers `request`, which is `operation` in `dialect`.
pub async fn ask(
    gateway: &Arc<LlmGateway>,
    ctx: &Ctx,
    request: WireRequest,
    dialect: Dialect,
    operation: Operation,
) -> Result<WireReply, ToolError> {
    let head = head::read(&request.body).map_err(bad)?;
    let asked = asked(&head, dialect, operation, &request)?;
    let wish = wish(&request.headers, &head)?;
    let plan = gateway
        .setup()
        .catalogue
        .plan(&asked.model, &asked.fallbacks, ctx.now())?;
    let name = operation.as_str();
    let (keep, cache) =
        match shared::find(gateway, ctx, &asked, &wish, &plan, name, &request.body).await? {
            Found::Before(stored, how) => {
                return again(gateway, ctx, &asked, &request, &stored, how).await;
            }
            Found::Nowhere(keep, cache) => (keep, cache),
        };
    let mut books = Request::begin(gateway, ctx, &asked, cache, &request.body).await?;
    let meta = Meta {
        id: books.id().to_owned(),
        model: asked.model.to_string(),
        created_s: ctx.now() / 1000,
        include_usage: head.include_usage,
    };
    let headers = forwarded(&request.headers);
    let lane = Wire::new(operation, dialect, request.body, head, headers, meta);
    match attempts::run(gateway, ctx, &asked, plan, &lane, &mut books).await {
        Ok(begun) => {
            let until = ctx.deadline() - SPARE;
            Ok(reply(begun, books, keep, cache, &request.id, until))
        }
        Err(error) => {
            books.refused(&error);
            keep.fail(&error);
            Err(error)
        }
    }
}

fn asked(
    head: &Head,
    dialect: Dialect,
    operation: Operation,
    request: &WireRequest,
) -> Result<Asked, ToolError> {
    if head.n.is_some_and(|n| n > 1) && head.stream {
        return Err(bad(BadRequest::new(
            "n",
            "must be 1 in a stream: ask several times",
        )));
    }
    let fallbacks = text(&request.headers, "x-syndarix-fallbacks").unwrap_or_default();
    let listed = fallbacks.split(',').map(str::trim);
    let input = tokens::estimate(head.text_bytes as u64, 1);
    Ok(Asked {
        kind: match operation {
            Operation::Embeddings => Kind::Embed,
            _ => Kind::Chat,
        },
        dialect: Some(dialect),
        model: head.model.as_str().into(),
        fallbacks: listed
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        stream: head.stream,
        wants: Wants {
            tools: head.has_tools,
            images: head.has_images,
            schema: head.has_schema,
            input,
        },
        input,
        max_tokens: head.max_tokens,
    })
}

fn wish(headers: &HeaderMap, head: &Head) -> Result<Wish, ToolError> {
    let cache = match text(headers, "x-syndarix-cache") {
        None => CacheWish::Auto,
        Some(word) => CacheWish::parse(word)
            .ok_or_else(|| ToolError::invalid("/x-syndarix-cache", "must be auto, off or exact"))?,
    };
    Ok(Wish {
        cache,
        idempotency: text(headers, "idempotency-key").map(str::to_owned),
        hot: head
            .temperature
            .is_some_and(|temperature| temperature > 0.0),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::new();
    for name in FORWARDED {
        for value in headers.get_all(name) {
            out.append(HeaderName::from_static(name), value.clone());
        }
    }
    out
}

/// An answer that was given before.
async fn again(
    gateway: &LlmGateway,
    ctx: &Ctx,
    asked: &Asked,
    request: &WireRequest,
    stored: &Stored,
    how: CacheOutcome,
) -> Result<WireReply, ToolError> {
    let books = Request::begin(gateway, ctx, asked, Some(how), &request.body).await?;
    let done = books.cached(stored, how);
    let mut headers = kind(stored.stream);
    describe(&mut headers, &done, 0, Some(how), None, &request.id);
    Ok(WireReply {
        status: 200,
        headers,
        body: WireBody::Whole(stored.body()),
    })
}

fn reply(
    begun: Begun,
    mut books: Request,
    keep: Keep,
    cache: Option<CacheOutcome>,
    id: &str,
    until: Instant,
) -> WireReply {
    let tries = books.tries();
    match begun {
        Begun::Whole(whole) => {
            let remaining = books.remaining().cloned();
            let done = books.finish(&whole.tally, Some(&whole.body));
            if keep.is_wanted() {
                keep.land(Stored::new(vec![whole.body.clone()], false, &done));
            }
            let mut headers = whole.headers;
            headers.extend(kind(false));
            describe(&mut headers, &done, tries, cache, remaining.as_ref(), id);
            warn(&mut headers, &books);
            WireReply {
                status: 200,
                headers,
                body: WireBody::Whole(whole.body),
            }
        }
        Begun::Stream {
            mut headers,
            flow,
            encoder,
        } => {
            headers.extend(kind(true));
            // What it costs is not known yet.
            let done = books.so_far();
            let remaining = books.remaining().cloned();
            describe(&mut headers, &done, tries, cache, remaining.as_ref(), id);
            warn(&mut headers, &books);
            WireReply {
                status: 200,
                headers,
                body: WireBody::Stream(live::stream(flow, encoder, books, keep, until)),
            }
        }
    }
}

fn kind(stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = if stream {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers
}

/// Who answered, at what cost, and what is left.
fn describe(
    headers: &mut HeaderMap,
    done: &Done,
    tries: usize,
    cache: Option<CacheOutcome>,
    remaining: Option<&Remaining>,
    id: &str,
) {
    name_request(headers, id);
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("x-syndarix-request-id", &done.request_id);
    put("x-syndarix-provider", &done.provider);
    put("x-syndarix-attempts", &tries.to_string());
    put(
        "x-syndarix-cache",
        cache.map_or("off", CacheOutcome::as_str),
    );
    if let Some(nano) = done.cost_nanousd {
        put("x-syndarix-cost-usd", &usd(nano));
    }
    if done.simulated {
        put("x-syndarix-simulated", "true");
    }
    if let Some(left) = remaining.and_then(left) {
        put("x-syndarix-budget-remaining", &left);
    }
}

/// Which budgets are used up, without having refused.
fn warn(headers: &mut HeaderMap, books: &Request) {
    for warning in books.warnings() {
        if let Ok(value) = HeaderValue::from_str(&warning) {
            headers.append("x-syndarix-warning", value);
        }
    }
}

/// What a budget had left: `0.25 usd`, `1200 tokens` or `7 requests`.
fn left(remaining: &Remaining) -> Option<String> {
    let usd = remaining.nano_usd.map(|nano| format!("{} usd", usd(nano)));
    let tokens = || remaining.tokens.map(|tokens| format!("{tokens} tokens"));
    let requests = || {
        remaining
            .requests
            .map(|requests| format!("{requests} requests"))
    };
    usd.or_else(tokens).or_else(requests)
}

/// Nano-dollars as dollars, exactly.
fn usd(nano: i64) -> String {
    let (whole, rest) = (nano / 1_000_000_000, (nano % 1_000_000_000).abs());
    let text = format!("{whole}.{rest:09}");
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

pub fn bad(error: BadRequest) -> ToolError {
    // What is wrong with the body as a whole is in no field.
    if error.param.is_empty() {
        return ToolError::invalid("", error.message).details(json!({ "status": 400 }));
    }
    let pointer = format!("/{}", error.param.replace(['.', '['], "/").replace(']', ""));
    ToolError::invalid(pointer, error.message)
        .details(json!({ "status": 400, "param": error.param }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        assert_eq!(usd(0), "0");
        assert_eq!(usd(1_500), "0.0000015");
        assert_eq!(usd(12_000_000_000), "12");
        assert_eq!(usd(12_340_000_000), "12.34");
    }
}
