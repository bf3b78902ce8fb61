//! Administration of what OAuth clients were given.

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use http::StatusCode;

use super::{
    Id, Problem,
    admin::{Page, Params, Who, administer, paged, params},
};
use crate::{access::Access, edge::Hub, tool::ToolError};

/// `/api/v1/oauth/grants`.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/oauth/grants", get(list_oauth_grants))
        .route(
            "/api/v1/oauth/grants/{grant_id}",
            delete(revoke_oauth_grant),
        )
        .with_state(hub.clone())
}

async fn list_oauth_grants(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    query: Params<Page>,
) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "list_oauth_grants", Access::Read, async {
        let page = params(query)?;
        let (limit, after) = (page.limit()?, page.after("oauth_grants")?);
        let items = hub.authority.oauth_grants(after.as_deref(), limit).await?;
        Ok(paged("oauth_grants", &items, limit, |grant| &grant.id))
    })
    .await
}

async fn revoke_oauth_grant(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    Path(grant): Path<String>,
) -> Result<Response, Problem> {
    administer(
        &hub,
        &who,
        &id,
        "revoke_oauth_grant",
        Access::Admin,
        async {
            if !hub.authority.revoke_oauth_grant(&grant).await? {
                return Err(
                    ToolError::not_found("grant", &grant).hint("it is unknown, revoked or expired")
                );
            }
            Ok(StatusCode::NO_CONTENT.into_response())
        },
    )
    .await
}
