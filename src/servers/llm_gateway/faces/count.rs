//! How many tokens a request has: as its provider counts, where that speaks Anthropic's dialect; else as they are counted here.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::json;

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        engine::{
            dialect::Dialect,
            relay::{head, splice},
            tokens,
            upstream::{Operation, Relay, Relayed},
        },
    },
    tool::{Ctx, ToolError, WireBody, WireReply, WireRequest},
};

/// Answers with `{"input_tokens": …}`.
pub async fn count(
    gateway: &Arc<LlmGateway>,
    ctx: &Ctx,
    request: WireRequest,
) -> Result<WireReply, ToolError> {
    let head = head::read(&request.body).map_err(super::ask::bad)?;
    let plan = gateway
        .setup()
        .catalogue
        .plan(&head.model, &[], ctx.now())?;
    let target = plan.targets.first().map(|(target, _)| target);
    if let Some(target) = target.filter(|target| target.upstream.relays(Operation::CountTokens)) {
        let relay = Relay {
            operation: Operation::CountTokens,
            body: splice::rewrite(&request.body, &target.key.model, false)
                .map_err(super::ask::bad)?,
            headers: super::ask::forwarded(&request.headers),
            stream: false,
            include_usage: false,
        };
        match target.upstream.relay(relay).await {
            Ok(Relayed::Whole { body, .. }) => {
                let mut reply = WireReply::json(200, &json!({}));
                reply.body = WireBody::Whole(body);
                return Ok(reply);
            }
            // Counting is no reason to fail: an estimate serves.
            Ok(Relayed::Stream { .. }) => {}
            Err(error) => tracing::debug!(%error, "a provider did not count"),
        }
    }
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    let chat = Dialect::Anthropic
        .read_request(&body)
        .map_err(super::ask::bad)?;
    let model = target.map_or(head.model.as_str(), |target| &target.key.model);
    let counted = tokens::count(model, &chat);
    let mut reply = WireReply::json(200, &json!({ "input_tokens": counted.tokens }));
    reply.headers.extend(estimated());
    Ok(reply)
}

fn estimated() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-syndarix-count",
        http::HeaderValue::from_static("estimated"),
    );
    headers
}
