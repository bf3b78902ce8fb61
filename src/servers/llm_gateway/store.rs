//! The SQL of requests and targets.

mod apply;
mod find;
mod health;
mod hours;
mod keep;
mod prices;

pub use find::{AttemptRow, Found, Request};
pub use hours::{Group, HOUR, Sum};
pub use prices::PriceRow;

use super::record::{CacheOutcome, Event, Status};
use crate::db::{Behind, Db};

/// All SQL of the server but the budgets'. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    /// What has happened and is not in the database yet.
    log: Option<Behind<Event>>,
}

impl Store {
    pub fn new(db: Db) -> Self {
        Self { db, log: None }
    }

    /// A store that reads what `log` has taken before.
    #[must_use]
    pub fn after(self, log: Behind<Event>) -> Self {
        Self {
            log: Some(log),
            ..self
        }
    }

    /// Whether this process is the only one on the database.
    pub fn is_alone(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Returns once everything that ended before is in the database, where that takes it.
    pub async fn settled(&self) {
        if let Some(log) = &self.log
            && let Err(error) = log.flush().await
        {
            tracing::warn!(%error, "requests wait for the database");
        }
    }

    /// All requests: agent, model, status, input and output tokens.
    #[cfg(test)]
    pub async fn rows(&self) -> Vec<String> {
        self.settled().await;
        let sql = "select agent_id || ' ' || model || ' ' || status || ' ' || coalesce(input_tokens, 0) || ' ' || \
                   coalesce(output_tokens, 0) from llm_request order by started_ms, id";
        crate::on_db!(&self.db, pool => sqlx::query_scalar(sql).fetch_all(pool).await).unwrap()
    }
}
