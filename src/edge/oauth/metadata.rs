//! What clients are told of where they can get a token, and for what.

use axum::{
    Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{Door, places};
use crate::{
    access::Place,
    edge::{Hub, gate, proxies, rest},
};

/// Protected resource metadata (RFC 9728) of the root.
pub async fn root(State(door): State<Door>, request: Request) -> Response {
    resource(&door, "", request).await
}

/// Protected resource metadata of the endpoint whose path stands behind the well-known one. A client that uses a public URL with
/// a path puts all of that there.
pub async fn endpoint(
    State(door): State<Door>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let path = format!("/{path}");
    let outer = proxies::public_prefix(&door.hub.http);
    let own = outer.and_then(|outer| path.strip_prefix(&*outer.0).map(str::to_owned));
    resource(&door, &own.unwrap_or(path), request).await
}

async fn resource(door: &Door, path: &str, request: Request) -> Response {
    let Some(place) = places::endpoint(door.own, path) else {
        return rest::no_such_path(request).await.into_response();
    };
    let path = path.trim_end_matches('/');
    let name = match place {
        Place::Server(server) => server.mcp_name(),
        Place::Hub | Place::All => "syndarix",
    };
    Json(json!({
        "resource": format!("{}{path}", proxies::site(&request, &door.hub.http)),
        "authorization_servers": door.hub.authorization_servers(),
        "scopes_supported": place.scopes(),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }))
    .into_response()
}

/// Authorization server metadata (RFC 8414).
pub async fn server(State(door): State<Door>) -> Json<Value> {
    let issuer = door.hub.places.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let config = door.hub.oauth.as_ref().map(|oauth| &oauth.config);
    let mut out = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "scopes_supported": Place::Hub.scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": config.is_some_and(|config| config.client_documents),
    });
    if let (Some(map), true) = (
        out.as_object_mut(),
        config.is_some_and(|config| config.max_clients > 0),
    ) {
        map.insert("registration_endpoint".into(), at("/oauth/register").into());
    }
    Json(out)
}

/// Where the metadata of the endpoint at `place` are that `request` goes to; nowhere where there is nobody to ask.
pub fn url(hub: &Hub, request: &Request, place: Place) -> Option<String> {
    if !hub.takes_oauth() {
        return None;
    }
    let path = match (place, gate::path(request)) {
        (Place::Hub, _) => String::new(),
        (_, path) => match path.strip_suffix("/messages") {
            Some(prefix) => format!("{prefix}/sse"),
            None => path.to_owned(),
        },
    };
    let site = proxies::site(request, &hub.http);
    Some(format!("{site}/.well-known/oauth-protected-resource{path}"))
}

/// Says in the headers of a refusal what was wrong with the token, where the metadata are that lead to a better one, and the scopes
/// to ask for there (RFC 6750, section 3; RFC 9728, section 5.1).
pub fn challenge(
    headers: &mut HeaderMap,
    error: Option<&str>,
    metadata: Option<&str>,
    scope: &str,
) {
    let mut text = String::from("Bearer realm=\"syndarix\"");
    let parts = [("error", error), ("resource_metadata", metadata)];
    let scope = ("scope", metadata.map(|_| scope));
    for (name, value) in parts.into_iter().chain([scope]) {
        if let Some(value) = value {
            text.extend([", ", name, "=\"", value, "\""]);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(http::header::WWW_AUTHENTICATE, value);
    }
}
