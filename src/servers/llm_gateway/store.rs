//! The SQL of requests.

use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::engine::provider::Usage;
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::{Db, DbError},
    on_db, on_tx,
    project::Scope,
};

/// All SQL of the server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

/// A request that is about to be sent.
#[derive(Debug, Clone)]
pub struct NewRequest {
    pub id: String,
    pub scope: Scope,
    /// `chat` or `embed`.
    pub kind: &'static str,
    pub model: String,
    pub provider: String,
    pub upstream: String,
    pub simulated: bool,
    pub owner: String,
    pub started_ms: Millis,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub struct End {
    /// `ok`, `error`, `partial` or `cancelled`.
    pub status: &'static str,
    pub code: Option<&'static str>,
    pub usage: Usage,
    pub cost_nanousd: Option<i64>,
    pub duration_ms: Millis,
    pub first_token_ms: Option<Millis>,
}

/// What sums are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Project,
    Agent,
    Model,
    Provider,
    /// Days of UTC.
    Day,
}

impl Group {
    fn column(self) -> &'static str {
        match self {
            Self::Project => "project_id",
            Self::Agent => "agent_id",
            Self::Model => "model",
            Self::Provider => "provider",
            // Whole days since the epoch; both databases divide integers to integers.
            Self::Day => "cast(started_ms / 86400000 as text)",
        }
    }
}

/// Sums over the requests of one group.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sum {
    /// The values of the groups, in the order they were asked for, each ended by a line feed.
    pub key: String,
    pub requests: i64,
    pub failed: i64,
    pub unpriced: i64,
    pub input: i64,
    pub cached: i64,
    pub output: i64,
    pub reasoning: i64,
    pub cost_nanousd: i64,
}

impl Store {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Whether this process is the only one on the database.
    pub fn is_alone(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Notes a request before it is sent.
    pub async fn start(&self, request: NewRequest) -> Result<(), DbError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "insert into llm_request (id, project_id, agent_id, kind, model, provider, upstream_model, \
                               simulated, status, owner, started_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, 'started', $9, $10)";
                    on_tx!(tx, c => sqlx::query(sql)
                        .bind(&request.id)
                        .bind(request.scope.project.as_str())
                        .bind(request.scope.agent.as_str())
                        .bind(request.kind)
                        .bind(&request.model)
                        .bind(&request.provider)
                        .bind(&request.upstream)
                        .bind(request.simulated)
                        .bind(&request.owner)
                        .bind(request.started_ms)
                        .execute(&mut **c)
                        .await
                        .map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Notes how a request ended; the first end stays.
    pub async fn end(&self, id: String, end: End) -> Result<(), DbError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update llm_request set status = $2, code = $3, input_tokens = $4, cached_tokens = $5, \
                               output_tokens = $6, reasoning_tokens = $7, cost_nanousd = $8, duration_ms = $9, \
                               first_token_ms = $10 where id = $1 and status = 'started'";
                    let count = |tokens: Option<u64>| tokens.and_then(|tokens| i64::try_from(tokens).ok());
                    on_tx!(tx, c => sqlx::query(sql)
                        .bind(&id)
                        .bind(end.status)
                        .bind(end.code)
                        .bind(count(end.usage.input))
                        .bind(count(end.usage.cached))
                        .bind(count(end.usage.output))
                        .bind(count(end.usage.reasoning))
                        .bind(end.cost_nanousd)
                        .bind(end.duration_ms)
                        .bind(end.first_token_ms)
                        .execute(&mut **c)
                        .await
                        .map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Requests of other processes that started before `before` and never ended become aborted.
    pub async fn abort(&self, owner: &str, before: Millis) -> Result<u64, DbError> {
        let owner = owner.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update llm_request set status = 'aborted' \
                               where status = 'started' and owner <> $1 and started_ms < $2";
                    Ok(on_tx!(tx, c => sqlx::query(sql)
                        .bind(&owner)
                        .bind(before)
                        .execute(&mut **c)
                        .await
                        .map(|done| done.rows_affected()))?)
                })
            })
            .await
    }

    /// Sums over the project's requests that started in `from..to`, by `groups`, in the order of their keys.
    pub async fn sums(
        &self,
        project: &ProjectId,
        groups: &[Group],
        (from, to): (Millis, Millis),
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Sum>, DbError> {
        let parts: Vec<String> = groups
            .iter()
            .map(|group| format!("{} || chr10", group.column()))
            .collect();
        // One key for any choice of groups; neither names nor days hold a line feed.
        let line_feed = if self.is_alone() {
            "char(10)"
        } else {
            "chr(10)"
        };
        let key = if parts.is_empty() {
            "''".to_owned()
        } else {
            parts.join(" || ").replace("chr10", line_feed)
        };
        let sum = |column: &str| format!("cast(coalesce(sum({column}), 0) as bigint)");
        let select = format!(
            "select * from (select {key} as key, count(*) as requests, \
             {} as failed, {} as unpriced, {} as input, {} as cached, {} as output, {} as reasoning, {} as cost_nanousd \
             from llm_request where project_id = ",
            sum("case when status in ('error', 'partial', 'aborted') then 1 else 0 end"),
            sum("case when cost_nanousd is null and status = 'ok' then 1 else 0 end"),
            sum("input_tokens"),
            sum("cached_tokens"),
            sum("output_tokens"),
            sum("reasoning_tokens"),
            sum("cost_nanousd"),
        );
        let group = if groups.is_empty() {
            " having count(*) > 0".to_owned()
        } else {
            format!(" group by {key}")
        };
        on_db!(&self.db, pool => {
            let mut sql = QueryBuilder::new(select);
            sql.push_bind(project.as_str()).push(" and started_ms >= ").push_bind(from).push(" and started_ms < ").push_bind(to);
            sql.push(group).push(") as sums");
            if let Some(after) = after {
                sql.push(" where key > ").push_bind(after);
            }
            sql.push(" order by key limit ").push_bind(limit);
            Ok(sql.build_query_as::<Sum>().fetch_all(pool).await?)
        })
    }

    /// All requests: agent, model, status, input and output tokens.
    #[cfg(test)]
    pub async fn rows(&self) -> Vec<String> {
        let sql = "select agent_id || ' ' || model || ' ' || status || ' ' || coalesce(input_tokens, 0) || ' ' || \
                   coalesce(output_tokens, 0) from llm_request order by started_ms, id";
        on_db!(&self.db, pool => sqlx::query_scalar(sql).fetch_all(pool).await).unwrap()
    }
}
