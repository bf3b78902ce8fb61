//! `/oauth/token` and `/oauth/revoke`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde_json::json;

use super::{Asker, Door, answer, fault, form::Form, record};
use crate::{
    access::{
        Place,
        oauth::{ByCode, ByRefresh, ByToken, Fault, Issued, OAuthServer},
    },
    edge::gate,
};

/// Gives tokens for a code, a refresh token, or a client's own secret.
pub async fn token(State(door): State<Door>, request: Request) -> Response {
    let id = gate::request_id(&request).cloned();
    match issue(&door, request, id).await {
        Ok(issued) => {
            let mut body = json!({
                "access_token": issued.access.reveal(),
                "token_type": "Bearer",
                "expires_in": issued.expires_in_s,
                "scope": issued.scopes.join(" "),
            });
            if let (Some(map), Some(refresh)) = (body.as_object_mut(), &issued.refresh) {
                map.insert("refresh_token".into(), refresh.reveal().into());
            }
            answer(StatusCode::OK, &body)
        }
        Err(refused) => fault(&refused),
    }
}

async fn issue(door: &Door, request: Request, id: Option<Arc<str>>) -> Result<Issued, Fault> {
    let oauth = door.oauth()?;
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let grant = form.need("grant_type")?;
    let client = form.credentials(&parts.headers)?;
    let place = place(door, &form)?;
    let client_id = client.client_id.clone();
    let exchanged = async {
        match grant {
            "authorization_code" => {
                oauth
                    .by_code(ByCode {
                        code: form.need("code")?.to_owned(),
                        client_id: client.client_id,
                        redirect_uri: form.get("redirect_uri")?.map(str::to_owned),
                        verifier: form.need("code_verifier")?.to_owned(),
                        place,
                    })
                    .await
            }
            "refresh_token" => {
                oauth
                    .by_refresh(ByRefresh {
                        token: form.need("refresh_token")?.to_owned(),
                        client_id: client.client_id,
                        scopes: form.scopes()?,
                        place,
                    })
                    .await
            }
            "client_credentials" => {
                let missing = "resource must be the URL of one of this hub's endpoints";
                let secret = Fault::new("invalid_client", "client_secret is missing");
                oauth
                    .by_token(ByToken {
                        client_id: client.client_id,
                        secret: client.secret.ok_or(secret)?,
                        scopes: form.scopes()?,
                        place: place.ok_or_else(|| Fault::new("invalid_target", missing))?,
                    })
                    .await
            }
            _ => Err(Fault::new(
                "unsupported_grant_type",
                "grant_type must be authorization_code, refresh_token or client_credentials",
            )),
        }
    };
    let asker = Asker {
        person: None,
        client: &client_id,
        request: id,
    };
    record(&door.hub, oauth, "oauth_token", asker, exchanged).await
}

/// Where the token shall be good, if the client says it (RFC 8707).
fn place(door: &Door, form: &Form) -> Result<Option<Place>, Fault> {
    let Some(url) = form.get("resource")? else {
        return Ok(None);
    };
    let problem = "resource is none of this hub's endpoints";
    let place = door.hub.places.find(url);
    place
        .map(Some)
        .ok_or_else(|| Fault::new("invalid_target", problem))
}

/// Ends what a token stands for. Whether there was any such thing is nobody's business (RFC 7009, section 2.2).
pub async fn revoke(State(door): State<Door>, request: Request) -> Response {
    let id = gate::request_id(&request).cloned();
    let work = async {
        let oauth = door.oauth()?;
        let (parts, body) = request.into_parts();
        let form = Form::read(&parts.headers, body).await?;
        let client = form.credentials(&parts.headers)?;
        let token = form.need("token")?;
        authenticated(oauth, &client.client_id, client.secret.as_deref()).await?;
        let asker = Asker {
            person: None,
            client: &client.client_id,
            request: id,
        };
        let revoked = oauth.revoke(token, &client.client_id);
        record(&door.hub, oauth, "oauth_revoke", asker, revoked).await
    };
    match work.await {
        Ok(()) => answer(StatusCode::OK, &json!({})),
        Err(refused) => fault(&refused),
    }
}

/// A client that is its own person proves it; others have nothing to prove.
async fn authenticated(oauth: &OAuthServer, id: &str, secret: Option<&str>) -> Result<(), Fault> {
    let own = || Fault::new("invalid_client", "client_secret is not that of client_id");
    match secret {
        None if id.starts_with("tok_") => Err(own()),
        None => Ok(()),
        Some(secret) if *oauth.person(secret).await?.id == *id => Ok(()),
        Some(_) => Err(own()),
    }
}
