//! `/oauth/register`: clients register themselves (RFC 7591).

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde_json::json;

use super::{Asker, Door, answer, fault, record};
use crate::{
    access::oauth::{Fault, Metadata},
    edge::{gate, rest},
};

/// Largest description of a client.
const MAX_BODY: usize = 16 * 1024;

/// Registers a client. It gets what the hub has for clients, whatever it asked for: no secret, and one way to ask.
pub async fn register(State(door): State<Door>, request: Request) -> Response {
    let id = gate::request_id(&request).cloned();
    let work = async {
        let wrong = |problem: String| Fault::new("invalid_client_metadata", problem);
        let oauth = door.oauth()?;
        let body = rest::collect(request.into_body(), MAX_BODY).await;
        let body = body.map_err(|error| wrong(error.message))?;
        let wanted: Metadata = serde_json::from_slice(&body)
            .map_err(|error| wrong(format!("the body does not describe a client: {error}")))?;
        let asker = Asker {
            person: None,
            client: "",
            request: id,
        };
        record(
            &door.hub,
            oauth,
            "oauth_register",
            asker,
            oauth.register(wanted),
        )
        .await
    };
    match work.await {
        Ok((client, at)) => answer(
            StatusCode::CREATED,
            &json!({
                "client_id": client.id,
                "client_id_issued_at": at / 1000,
                "client_name": client.name,
                "redirect_uris": client.redirect_uris,
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }),
        ),
        Err(refused) => fault(&refused),
    }
}
