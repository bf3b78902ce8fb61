//! What every request passes first: host and origin, then its bearer token.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;

use super::{
    HttpConfig, Hub, hosts,
    mcp::Selection,
    oauth,
    proxies::{self, Forwarded},
    rest::{self, Lacking, Problem},
};
use crate::{
    access::{Access, Audience, Denied, Place, Principal, ServerId},
    audit::{Entry, Origin, Outcome},
    base::ids::new_id,
    tool::{Code, Pin, ToolError},
};

/// Bytes of a refused request that are read, and how long they are waited for.
const UNREAD: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

/// The header that carries the request's id, both ways.
const REQUEST_ID: &str = "x-request-id";

/// The request's id, for the log, the audit log and the answer.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Refuses foreign hosts and origins; gives every request an id and every answer its headers.
pub async fn check_host(
    State(http): State<Arc<HttpConfig>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = given_id(request.headers()).or_else(|| trace(request.headers()));
    let id: Arc<str> = given.unwrap_or_else(|| new_id("req").into());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let method = known(request.method());
    let Forwarded { host, prefix, .. } = Forwarded::of(&request, &http);
    let host = host.unwrap_or_else(|| hosts::named(request.headers(), request.uri()).to_owned());
    let mut response = match hosts::check(&host, request.headers(), &http) {
        Ok(()) => {
            let public = || {
                hosts::is_public_host(&host, &http)
                    .then(|| proxies::public_prefix(&http))
                    .flatten()
            };
            if let Some(prefix) = prefix.or_else(public) {
                request.extensions_mut().insert(prefix);
            }
            next.run(request).await
        }
        Err(foreign) => {
            let message = match foreign {
                hosts::Foreign::Host => {
                    "this Host is not served here: add it to http.allowed_hosts if it should be"
                }
                hosts::Foreign::Origin => {
                    "this Origin may not call: add it to http.allowed_origins if it should"
                }
            };
            Problem::new(ToolError::forbidden(message), Some(&id)).into()
        }
    };
    let status = response.status().as_str().to_owned();
    metrics::counter!("syndarix_http_requests_total", "method" => method, "status" => status)
        .increment(1);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The method as a label: clients may make up others.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = known.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}

/// A request id that a proxy gave, if it is a reasonable one.
fn given_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then(|| text.into())
}

/// What stands before the endpoints of a port.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The server whose own port it is.
    pub own: Option<ServerId>,
}

/// The id of the trace that the request belongs to (W3C Trace Context, section 3.2): the hub's log and audit log are found by it.
fn trace(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let id = text.strip_prefix("00-")?.split('-').next()?;
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let is_one = id.len() == 32 && id.bytes().all(hex) && id.bytes().any(|b| b != b'0');
    is_one.then(|| id.into())
}

/// Finds out who calls and where the endpoint's URL or headers confine them to.
pub async fn authenticate(
    State(Gate { hub, own }): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let bearer = bearer(request.headers());
    let id = request_id(&request).cloned();
    let is_rest = is_rest(&request);
    if is_rest && percent_decode_str(path(&request)).decode_utf8().is_err() {
        let error = ToolError::invalid("", "the path is not UTF-8 when it is percent-decoded");
        let problem = Problem::new(error, request_id(&request));
        return problem.status(StatusCode::BAD_REQUEST).into();
    }
    let origin = if is_rest { Origin::Rest } else { Origin::Mcp };
    let place = oauth::of_request(own, path(&request));
    match identify(&hub, bearer, place, origin, id).await {
        Ok(principal) => {
            let pin = pin(&request);
            if !is_rest {
                match Selection::parse(request.uri().query().unwrap_or_default()) {
                    Ok(selection) => request.extensions_mut().insert(selection),
                    Err(error) => return Problem::new(error, request_id(&request)).into(),
                };
            }
            request.extensions_mut().insert(Arc::clone(&principal));
            request.extensions_mut().insert(pin);
            let metadata = oauth::url(&hub, &request, place);
            let checked = if is_rest {
                Ok(request)
            } else {
                oauth::step_up::check(&hub, &principal, request).await
            };
            let mut response = match checked {
                Ok(request) => next.run(request).await,
                Err(response) => response,
            };
            tell_limit(response.headers_mut(), &principal);
            if let Some(Lacking(scope)) = response.extensions_mut().remove() {
                let (reason, metadata) = (Some("insufficient_scope"), metadata.as_deref());
                oauth::challenge(response.headers_mut(), reason, metadata, &scope);
            }
            response
        }
        Err(error) if error.code == Code::Unauthenticated => {
            // RFC 6750, section 3: a challenge; with a token that was not accepted, the reason too.
            let reason = bearer.is_some().then_some("invalid_token");
            let metadata = oauth::url(&hub, &request, place);
            let mut response = Response::from(Problem::new(error, request_id(&request)));
            let (headers, scope) = (response.headers_mut(), place.usual_scopes());
            oauth::challenge(headers, reason, metadata.as_deref(), &scope);
            if !is_read(request.into_body()).await {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
        Err(error) => Problem::new(error, request_id(&request)).into(),
    }
}

/// Reads a refused request to its end, if that is near. A connection with an unread body is closed behind the answer; a client that
/// is told where to get a token asks there at once, over the same connection.
async fn is_read(body: Body) -> bool {
    let read = rest::collect(body, UNREAD);
    timeout(PATIENCE, read).await.is_ok_and(|read| read.is_ok())
}

/// Tells a token whose calls are limited how it stands (draft-ietf-httpapi-ratelimit-headers).
fn tell_limit(headers: &mut HeaderMap, principal: &Principal) {
    let Some(standing) = principal.quota.standing() else {
        return;
    };
    let reset = standing.reset.as_secs_f64().ceil();
    for (name, value) in [
        (
            "ratelimit-policy",
            format!("\"calls\";q={};w=60", standing.limit),
        ),
        (
            "ratelimit",
            format!("\"calls\";r={};t={reset}", standing.remaining),
        ),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Finds out whose `token` it is, and whether it is good at `place`.
pub async fn identify(
    hub: &Hub,
    token: Option<&str>,
    place: Place,
    origin: Origin,
    request: Option<Arc<str>>,
) -> Result<Arc<Principal>, ToolError> {
    let found = match token {
        Some(token) => hub.authority.authenticate(token).await,
        None => Err(Denied::Token),
    };
    let refused = || ToolError::new(Code::Unauthenticated, Denied::Token.to_string());
    let principal = found.map_err(|denied| match denied {
        Denied::Db(error) => error.into(),
        Denied::Unavailable(error) => {
            ToolError::unavailable(error.to_string()).retry_after(Duration::from_secs(30))
        }
        Denied::Ended(token) => {
            hub.audit
                .write(refused_token(hub, token, origin, request.clone()));
            refused()
        }
        Denied::Token => refused(),
    })?;
    let good = match &principal.audience {
        Audience::Any => true,
        Audience::Place(own) => own.covers(place),
        Audience::Urls(urls) => {
            let mut places = urls.iter().filter_map(|url| hub.places.find(url));
            places.any(|own| own.covers(place))
        }
    };
    if !good {
        let id = Arc::clone(&principal.id);
        hub.audit.write(refused_token(hub, id, origin, request));
        let message = "the access token was issued for another resource: ask for one for the URL that you call";
        return Err(ToolError::new(Code::Unauthenticated, message));
    }
    Ok(principal)
}

/// A token that was good once, or elsewhere, is a lead: its use is on the record, though the call it carried was not read.
fn refused_token(hub: &Hub, token: Arc<str>, origin: Origin, request: Option<Arc<str>>) -> Entry {
    Entry {
        id: new_id("call").into(),
        started_ms: hub.registry.now(),
        duration_us: Some(0),
        principal: token,
        project: "".into(),
        agent: "".into(),
        server: "hub".into(),
        tool: "authenticate".into(),
        access: Access::Read,
        origin,
        parent: None,
        request,
        outcome: Outcome::Refused,
        code: Some(Code::Unauthenticated.as_str().into()),
        arguments: None,
    }
}

/// The path of a request, before routers took parts of it away.
pub fn path(request: &Request) -> &str {
    let original = request.extensions().get::<axum::extract::OriginalUri>();
    original.map_or_else(|| request.uri().path(), |uri| uri.path())
}

fn is_rest(request: &Request) -> bool {
    path(request).starts_with("/api/")
}

pub fn request_id(request: &Request) -> Option<&Arc<str>> {
    request.extensions().get::<RequestId>().map(|id| &id.0)
}

pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// `X-Project-Id` and `X-Agent-Id`, or `?project_id=` and `?agent_id=` of an MCP endpoint's URL.
fn pin(request: &Request) -> Pin {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(Arc::<str>::from)
    };
    let is_rest = is_rest(request);
    // In REST the query holds arguments, which the binding reads.
    let query = |name: &str| {
        if is_rest {
            return None;
        }
        let pairs = request.uri().query().unwrap_or_default();
        rest::query_pairs(pairs)
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| Arc::<str>::from(value))
    };
    Pin {
        project: header("x-project-id").or_else(|| query("project_id")),
        agent: header("x-agent-id").or_else(|| query("agent_id")),
    }
}
