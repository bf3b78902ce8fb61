//! What an access token lacks: told with HTTP 403 and the scope to ask for (RFC 6750, section 3.1), before MCP sees the message.
//! A client can get a better token by itself, and does so by this answer. Holders of service tokens cannot: they are told by the
//! call's own result, like everybody who lacks more than a scope.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::{
    access::{Principal, Source},
    audit::{Entry, Origin, Outcome},
    base::ids::new_id,
    edge::{Hub, gate, mcp::envelope, rest::Lacking},
    tool::{Code, Spec},
};

/// The part of a call that says what is called.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<std::borrow::Cow<'a, str>>,
}

/// The request as it came, unless it calls a tool whose scope `principal` lacks.
pub async fn check(
    hub: &Hub,
    principal: &Principal,
    request: Request,
) -> Result<Request, Response> {
    if principal.source == Source::Token || request.method() != Method::POST {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = envelope::read(body, hub.http.max_body_bytes).await?;
    let message = envelope::peek(&body)?;
    let called = message.method.as_deref() == Some("tools/call");
    let call = called
        .then(|| serde_json::from_slice::<Call>(&body).ok())
        .flatten();
    let name = call.and_then(|call| call.params?.name);
    let tool = name.and_then(|name| hub.registry.find_any(&name));
    let id = message.id();
    let request = Request::from_parts(parts, Body::from(body.clone()));
    let spec = tool.map(|tool| tool.spec());
    let Some(spec) = spec.filter(|s| !principal.grant.scopes.allow(s.server, s.access)) else {
        return Ok(request);
    };
    let scope = spec.scope();
    hub.audit.write(refused(hub, principal, spec, &request));
    let message = format!("the access token lacks the scope {scope:?}: ask for one that has it");
    let refusal = envelope::refuse(StatusCode::FORBIDDEN, -32600, message).to(id);
    let mut response = Response::from(refusal);
    response.extensions_mut().insert(Lacking(scope.into()));
    Err(response)
}

fn refused(hub: &Hub, principal: &Principal, spec: &Spec, request: &Request) -> Entry {
    Entry {
        id: new_id("call").into(),
        started_ms: hub.registry.now(),
        duration_us: Some(0),
        principal: Arc::clone(&principal.id),
        project: "".into(),
        agent: "".into(),
        server: spec.server.as_str().into(),
        tool: spec.name.into(),
        access: spec.access,
        origin: Origin::Mcp,
        parent: None,
        request: gate::request_id(request).cloned(),
        outcome: Outcome::Refused,
        code: Some(Code::Forbidden.as_str().into()),
        arguments: None,
    }
}
