//! The SQL of the audit log.

use std::{collections::HashMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::Entry;
use crate::{
    base::clock::Millis,
    db::{Db, DbError, parts},
    on_db, on_tx,
};

/// What to look for. Every field narrows the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Calls in this project.
    pub project_id: Option<String>,
    /// Calls for this agent.
    pub agent_id: Option<String>,
    /// Calls by this token id.
    pub principal_id: Option<String>,
    /// Calls to this server.
    pub server: Option<String>,
    /// Calls of this tool.
    pub tool: Option<String>,
    /// Calls that ended so: started, ok, error, refused, cancelled or aborted.
    pub outcome: Option<String>,
    /// Calls made by this call.
    pub parent_id: Option<String>,
    /// Calls at or after this time, in milliseconds since the Unix epoch.
    pub since_ms: Option<Millis>,
    /// Calls before this time, in milliseconds since the Unix epoch.
    pub until_ms: Option<Millis>,
}

/// An entry as read back.
#[derive(Clone, Debug, Serialize, JsonSchema, sqlx::FromRow)]
pub struct Record {
    /// The call's id.
    pub id: String,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub started_ms: Millis,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
    /// The token that made it.
    pub principal_id: String,
    /// The project it named.
    pub project_id: String,
    /// The agent it named.
    pub agent_id: String,
    /// The tool's server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// read, write or admin.
    pub access: String,
    /// mcp, rest, module or embedded.
    pub origin: String,
    /// The call that made this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The HTTP request that carried it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// started, ok, error, refused, cancelled or aborted.
    pub outcome: String,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The redacted arguments, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
}

const COLUMNS: &str = "insert into audit (id, started_ms, duration_us, principal_id, project_id, agent_id, server, \
                       tool, access, origin, parent_id, request_id, outcome, code, arguments) ";
/// A call that was written when it started is completed; one that was not is written whole.
const SETTLE: &str = " on conflict (id) do update set duration_us = excluded.duration_us, \
                      outcome = excluded.outcome, code = excluded.code";

/// Writes `entries` in one transaction; of each call there is one.
pub async fn put(db: &Db, entries: Arc<[Entry]>) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let entries = last_of_each(&entries);
            for entries in parts(&entries) {
                on_tx!(tx, c => {
                    let mut sql = QueryBuilder::new(COLUMNS);
                    sql.push_values(entries, |mut row, e| {
                        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
                        row.push_bind(e.id.to_string())
                            .push_bind(e.started_ms)
                            .push_bind(e.duration_us)
                            .push_bind(e.principal.to_string())
                            .push_bind(e.project.to_string())
                            .push_bind(e.agent.to_string())
                            .push_bind(e.server.to_string())
                            .push_bind(e.tool.to_string())
                            .push_bind(e.access.as_str())
                            .push_bind(e.origin.as_str())
                            .push_bind(text(&e.parent))
                            .push_bind(text(&e.request))
                            .push_bind(e.outcome.as_str())
                            .push_bind(e.code.as_deref().map(str::to_owned))
                            .push_bind(e.arguments.clone());
                    });
                    sql.push(SETTLE);
                    sql.build().execute(&mut **c).await.map(|_| ())
                })?;
            }
            Ok(())
        })
    })
    .await
}

/// One entry a call: one statement cannot write a row twice.
fn last_of_each(entries: &[Entry]) -> Vec<&Entry> {
    let mut places = HashMap::with_capacity(entries.len());
    let mut kept: Vec<&Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = *places.entry(&*entry.id).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(earlier) => *earlier = entry,
            None => kept.push(entry),
        }
    }
    kept
}

/// Calls that a dead hub left behind become aborted.
pub async fn abort_unsettled(db: &Db, started_before: Millis) -> Result<u64, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update audit set outcome = 'aborted' where outcome = 'started' and started_ms < $1";
            Ok(on_tx!(tx, c => sqlx::query(sql).bind(started_before).execute(&mut **c).await
                .map(|done| done.rows_affected()))?)
        })
    })
    .await
}

/// Deletes what is older than `before`.
pub async fn prune(db: &Db, before: Millis) -> Result<u64, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            Ok(
                on_tx!(tx, c => sqlx::query("delete from audit where started_ms < $1").bind(before)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?,
            )
        })
    })
    .await
}

/// Entries from the newest on, before the key `(started_ms, id)` of `before`.
pub async fn find(
    db: &Db,
    query: &Query,
    before: Option<&(Millis, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new("select * from audit where 1 = 1");
        let equal = [
            (" and project_id = ", &query.project_id),
            (" and agent_id = ", &query.agent_id),
            (" and principal_id = ", &query.principal_id),
            (" and server = ", &query.server),
            (" and tool = ", &query.tool),
            (" and outcome = ", &query.outcome),
            (" and parent_id = ", &query.parent_id),
        ];
        for (column, wanted) in equal {
            if let Some(wanted) = wanted {
                sql.push(column).push_bind(wanted.clone());
            }
        }
        if let Some(since) = query.since_ms {
            sql.push(" and started_ms >= ").push_bind(since);
        }
        if let Some(until) = query.until_ms {
            sql.push(" and started_ms < ").push_bind(until);
        }
        if let Some((ms, id)) = before {
            sql.push(" and (started_ms, id) < (").push_bind(*ms).push(", ").push_bind(id.clone()).push(")");
        }
        sql.push(" order by started_ms desc, id desc limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}
