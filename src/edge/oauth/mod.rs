//! OAuth 2 over HTTP: what clients are told of each endpoint, and the hub's own authorization server on the main port. Where
//! neither is configured, none of these paths is there.

mod authorize;
mod form;
mod metadata;
mod page;
mod places;
mod register;
pub mod step_up;
mod token;

use std::{future::Future, sync::Arc, time::Instant};

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

pub use metadata::{challenge, url};
pub use places::{Places, of_request};

use super::Hub;
use crate::{
    access::{
        Access, ServerId,
        oauth::{Fault, OAuthServer},
    },
    audit::{Entry, Origin, Outcome},
    base::ids::new_id,
};

/// A port, as its requests for metadata come in.
#[derive(Clone, Debug)]
struct Door {
    hub: Arc<Hub>,
    /// The server whose own port it is.
    own: Option<ServerId>,
}

impl Door {
    fn oauth(&self) -> Result<&OAuthServer, Fault> {
        let off = || Fault::new("invalid_request", "auth.oauth is not enabled");
        self.hub.oauth.as_deref().ok_or_else(off)
    }
}

/// The paths of a port: those of the main one, or those of the `own` port of a server.
pub fn router(hub: &Hub, own: Option<ServerId>) -> Router {
    let mut router = Router::new();
    if hub.takes_oauth() {
        const RESOURCE: &str = "/.well-known/oauth-protected-resource";
        router = router
            .route(RESOURCE, get(metadata::root))
            .route(&format!("{RESOURCE}/{{*path}}"), get(metadata::endpoint));
    }
    if let (Some(oauth), None) = (&hub.oauth, own) {
        const SERVER: &str = "/.well-known/oauth-authorization-server";
        router = router
            .route(SERVER, get(metadata::server))
            .route(
                "/oauth/authorize",
                get(authorize::show).post(authorize::answer),
            )
            .route("/oauth/token", post(token::token))
            .route("/oauth/revoke", post(token::revoke));
        // Where the public URL has a path, clients put it behind the well-known one (RFC 8414, section 3.1).
        if let Some(prefix) = super::proxies::public_prefix(&hub.http) {
            router = router.route(&format!("{SERVER}{}", prefix.0), get(metadata::server));
        }
        if oauth.config.max_clients > 0 {
            router = router.route("/oauth/register", post(register::register));
        }
    }
    let hub = Arc::new(hub.clone());
    router.with_state(Door { hub, own })
}

/// An answer that nobody may keep.
fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A refusal, as RFC 6749 section 5.2 has it.
fn fault(fault: &Fault) -> Response {
    if let Some(source) = &fault.source {
        tracing::error!(%source, "an OAuth request failed");
    }
    let status = match fault.error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" | "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = serde_json::json!({"error": fault.error, "error_description": fault.description});
    let mut response = answer(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Basic realm=\"syndarix\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    if let Some(wait) = fault.retry_after {
        let seconds = HeaderValue::from(wait.as_secs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Who asks for something that goes on record, in which request.
struct Asker<'a> {
    /// The id of the service token it is done by, where there is one.
    person: Option<Arc<str>>,
    /// The client's id.
    client: &'a str,
    request: Option<Arc<str>>,
}

/// Does `work` on the record, as the server `hub`: what was done is there before it is answered. Anybody can make the hub refuse
/// something: of a flood of refusals the log has the beginning.
async fn record<R>(
    hub: &Hub,
    oauth: &OAuthServer,
    action: &'static str,
    asker: Asker<'_>,
    work: impl Future<Output = Result<R, Fault>>,
) -> Result<R, Fault> {
    let (started, started_ms) = (Instant::now(), hub.registry.now());
    let done = work.await;
    let client: String = asker.client.chars().take(200).collect();
    let short = || client.chars().take(64).collect::<String>().into();
    let entry = Entry {
        id: new_id("call").into(),
        started_ms,
        duration_us: i64::try_from(started.elapsed().as_micros()).ok(),
        principal: asker.person.unwrap_or_else(short),
        project: "".into(),
        agent: "".into(),
        server: "hub".into(),
        tool: action.into(),
        access: Access::Write,
        origin: Origin::Rest,
        parent: None,
        request: asker.request,
        outcome: if done.is_ok() {
            Outcome::Ok
        } else {
            Outcome::Refused
        },
        code: done.as_ref().err().map(|fault| fault.error.into()),
        arguments: Some(serde_json::json!({"client_id": client}).to_string()),
    };
    if done.is_ok() {
        hub.audit.write_now(entry)?;
    } else if oauth.notes_refusal() {
        hub.audit.write(entry);
    }
    done
}
