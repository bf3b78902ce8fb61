//! What was given to clients, for administrators: a list, and an end.

use schemars::JsonSchema;
use serde::Serialize;

use super::store;
use crate::{
    access::{Authority, authority::list},
    base::clock::Millis,
    db::DbError,
};

/// What an OAuth client was given, as listed: everything but its tokens.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OAuthGrant {
    /// Names the grant when it is to be revoked.
    pub id: String,
    /// The client: an id that it registered, the URL of its metadata document, or a service token's id where it used that itself.
    pub client_id: String,
    /// The name that the client gives itself.
    pub client_name: String,
    /// The service token that it was given by. It is never good for more than that one.
    pub token_id: String,
    /// Where it is good: a server's name, `all` for the endpoint of all servers, `hub` for everywhere.
    pub endpoint: String,
    /// Project ids, or `["*"]` for those of the service token.
    pub projects: Vec<String>,
    /// Agent ids, or `["*"]` for those of the service token.
    pub agents: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it was given, in milliseconds since 1970.
    pub created_ms: Millis,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: Millis,
}

impl Authority {
    /// What clients have, after the id `after`. What has ended is not among it, nor what a token gave that has ended.
    pub async fn oauth_grants(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<OAuthGrant>, DbError> {
        let rows = store::live(&self.db, after, limit, self.clock.now()).await?;
        Ok(rows.into_iter().map(OAuthGrant::from).collect())
    }

    /// Ends a grant with all its tokens, for this hub at once. False when there is none that has not ended.
    pub async fn revoke_oauth_grant(&self, id: &str) -> Result<bool, DbError> {
        let ended = store::revoke(&self.db, id.to_owned(), self.clock.now()).await?;
        self.forget();
        Ok(ended)
    }
}

impl From<store::Row> for OAuthGrant {
    fn from(row: store::Row) -> Self {
        Self {
            projects: list(&row.projects),
            agents: list(&row.agents),
            scopes: list(&row.scopes),
            id: row.id,
            client_id: row.client_id,
            client_name: row.client_name,
            token_id: row.token_id,
            endpoint: row.place,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
        }
    }
}
