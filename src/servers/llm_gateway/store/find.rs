//! Finding one request again.

use super::Store;
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::DbError,
    on_db,
};

/// A request's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Request {
    pub agent_id: String,
    pub token_id: String,
    pub kind: String,
    pub model: String,
    pub route: Option<String>,
    pub face: String,
    pub streamed: bool,
    pub provider: String,
    pub upstream_model: String,
    pub simulated: bool,
    pub status: String,
    pub code: Option<String>,
    pub finish: Option<String>,
    pub cache: Option<String>,
    pub input_tokens: Option<i64>,
    pub cached_tokens: Option<i64>,
    pub written_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub reasoning_tokens: Option<i64>,
    pub usage_source: String,
    pub cost_nanousd: Option<i64>,
    pub cost_source: Option<String>,
    pub price_id: Option<String>,
    pub saved_nanousd: Option<i64>,
    pub started_ms: Millis,
    pub duration_ms: Option<Millis>,
    pub first_token_ms: Option<Millis>,
}

/// An attempt's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AttemptRow {
    pub provider: String,
    pub upstream_model: String,
    pub status: String,
    pub http_status: Option<i64>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub retry_after_ms: Option<Millis>,
    pub started_ms: Millis,
    pub duration_ms: Millis,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cost_nanousd: Option<i64>,
}

/// A request with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub request: Request,
    pub attempts: Vec<AttemptRow>,
    /// What was asked and answered, where it was kept.
    pub bodies: Option<(Option<String>, Option<String>)>,
}

impl Store {
    /// The project's request `id`.
    pub async fn find(&self, project: &ProjectId, id: &str) -> Result<Option<Found>, DbError> {
        self.settled().await;
        let sql = "select * from llm_request where id = $1 and project_id = $2";
        let request: Option<Request> = on_db!(&self.db, pool =>
            sqlx::query_as(sql).bind(id).bind(project.as_str()).fetch_optional(pool).await)?;
        let Some(request) = request else {
            return Ok(None);
        };
        let sql = "select * from llm_attempt where request_id = $1 order by position";
        let attempts =
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).fetch_all(pool).await)?;
        let sql = "select request, response from llm_body where request_id = $1";
        let bodies =
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await)?;
        Ok(Some(Found {
            request,
            attempts,
            bodies,
        }))
    }
}
