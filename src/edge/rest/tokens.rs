//! Administration of service tokens.

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use http::StatusCode;
use serde_json::Value;

use super::{
    Id, Problem,
    admin::{Page, Params, Who, administer, created, paged, params},
    body::{Sent, body, optional},
};
use crate::{
    access::{Access, NewToken, Rotation, TokenInfo, token::Token},
    edge::Hub,
    tool::ToolError,
};

/// `/api/v1/tokens`.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/tokens", get(list_tokens).post(create_token))
        .route("/api/v1/tokens/{token_id}", delete(revoke_token))
        .route("/api/v1/tokens/{token_id}/rotate", post(rotate_token))
        .with_state(hub.clone())
}

async fn list_tokens(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    query: Params<Page>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "list_tokens", Access::Read, async {
        let page = params(query)?;
        let (limit, after) = (page.limit()?, page.after("tokens")?);
        let items = hub.authority.list(after.as_deref(), limit).await?;
        Ok(paged("tokens", &items, limit, |t| &t.id))
    })
    .await
}

async fn create_token(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    wanted: Sent,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "create_token", Access::Admin, async {
        let (token, info) = Box::pin(hub.authority.create(body::<NewToken>(wanted)?)).await?;
        Ok(created(shown(&token, info)?))
    })
    .await
}

async fn revoke_token(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "revoke_token", Access::Admin, async {
        if !hub.authority.revoke(&token).await? {
            return Err(gone(&token));
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

async fn rotate_token(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "rotate_token", Access::Admin, async {
        let wanted: Rotation = optional(request, hub.http.max_body_bytes).await?;
        match hub.authority.rotate(&token, &wanted).await? {
            Some((token, info)) => Ok(Json(shown(&token, info)?).into_response()),
            None => Err(gone(&token)),
        }
    })
    .await
}

/// A token with its text, this one time.
fn shown(token: &Token, info: TokenInfo) -> Result<Value, ToolError> {
    let mut shown = serde_json::to_value(info).map_err(ToolError::internal)?;
    if let Some(map) = shown.as_object_mut() {
        map.insert("token".into(), token.reveal().into());
    }
    Ok(shown)
}

fn gone(token: &str) -> ToolError {
    ToolError::not_found("token", token).hint("it is unknown, revoked or expired")
}
