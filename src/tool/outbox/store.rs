//! The SQL of events.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::New;
use crate::{
    base::clock::Millis,
    db::{Db, DbError, Tx, parts},
    on_db, on_tx,
};

/// What PostgreSQL tells the other hubs by.
pub(super) const CHANNEL: &str = "syndarix_event";
/// Held while events are written: places are given in the order of the commits, so that no reader passes one by.
const ORDER: i64 = 0x7379_6e64_6576;

/// Which events of a project. Every field narrows the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Events of this server.
    pub server: Option<String>,
    /// Events of this kind: the tool that made the change, or `run` for a workflow run that moved on.
    pub action: Option<String>,
    /// Events that this agent caused.
    pub agent_id: Option<String>,
    /// Events of this resource and of all below it, such as `issues` or `issues/12`.
    pub path: Option<String>,
}

/// An event as it was kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Kept {
    /// Its place in the order of all events.
    pub seq: i64,
    /// The process that told it.
    pub hub: String,
    /// When it was told.
    pub at_ms: Millis,
    /// The project.
    pub project_id: String,
    /// The server whose resource changed.
    pub server: String,
    /// The tool that changed it, or what happened.
    pub action: String,
    /// Who changed it.
    pub agent_id: Option<String>,
    /// In whose workspace, where each agent has its own.
    pub owner_id: Option<String>,
    /// The resource, as its URI has it behind the project, decoded.
    pub path: String,
    /// 1 when all that lies below may have changed too.
    pub below: i64,
    /// The call that changed it.
    pub call_id: Option<String>,
}

/// Writes `entries` in one transaction; one that is there stays as it is.
pub(super) async fn put(db: &Db, entries: Arc<[New]>) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            if let Tx::Postgres(c) = &mut tx {
                let sql = "select pg_advisory_xact_lock($1), pg_notify($2, '')";
                sqlx::query(sql).bind(ORDER).bind(CHANNEL).execute(&mut **c).await?;
            }
            for entries in parts(&entries) {
                on_tx!(tx, c => {
                    let mut sql = QueryBuilder::new(
                        "insert into event (id, hub, at_ms, project_id, server, action, agent_id, owner_id, path, below, call_id) ",
                    );
                    sql.push_values(entries, |mut row, e| {
                        row.push_bind(e.id.clone())
                            .push_bind(e.hub.to_string())
                            .push_bind(e.at_ms)
                            .push_bind(e.project.clone())
                            .push_bind(e.server.clone())
                            .push_bind(e.action.clone())
                            .push_bind(e.agent.clone())
                            .push_bind(e.owner.clone())
                            .push_bind(e.path.clone())
                            .push_bind(i64::from(e.below))
                            .push_bind(e.call.clone());
                    });
                    sql.push(" on conflict (id) do nothing");
                    sql.build().execute(&mut **c).await.map(|_| ())
                })?;
            }
            Ok(())
        })
    })
    .await
}

const COLUMNS: &str = "select seq, hub, at_ms, project_id, server, action, agent_id, owner_id, path, below, call_id from event ";

/// Events of `project` after the place `after`, oldest first.
pub(super) async fn since(
    db: &Db,
    project: &str,
    filter: &Filter,
    after: i64,
    limit: u32,
) -> Result<Vec<Kept>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new(COLUMNS);
        sql.push("where project_id = ").push_bind(project).push(" and seq > ").push_bind(after);
        let equal = [
            (" and server = ", &filter.server),
            (" and action = ", &filter.action),
            (" and agent_id = ", &filter.agent_id),
        ];
        for (column, wanted) in equal {
            if let Some(wanted) = wanted {
                sql.push(column).push_bind(wanted);
            }
        }
        if let Some(path) = &filter.path {
            // The characters after `/` begin with `0`.
            sql.push(" and (path = ").push_bind(path)
                .push(" or path >= ").push_bind(format!("{path}/"))
                .push(" and path < ").push_bind(format!("{path}0"))
                .push(")");
        }
        sql.push(" order by seq limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// Events of all projects after the place `after`, oldest first.
pub(super) async fn all_since(db: &Db, after: i64, limit: u32) -> Result<Vec<Kept>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new(COLUMNS);
        sql.push("where seq > ").push_bind(after).push(" order by seq limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// The newest event's place; 0 before the first.
pub(super) async fn newest(db: &Db) -> Result<i64, DbError> {
    let sql = "select coalesce(max(seq), 0) from event";
    Ok(on_db!(db, pool => sqlx::query_scalar(sql).fetch_one(pool).await)?)
}

/// The place before the oldest event; 0 before the first.
pub(super) async fn horizon(db: &Db) -> Result<i64, DbError> {
    let sql = "select coalesce(min(seq) - 1, 0) from event";
    Ok(on_db!(db, pool => sqlx::query_scalar(sql).fetch_one(pool).await)?)
}

/// Deletes what is older than `before`, but the newest: it says how far the order has come.
pub(super) async fn prune(db: &Db, before: Millis) -> Result<u64, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from event where at_ms < $1 and seq < (select max(seq) from event)";
            Ok(on_tx!(tx, c => sqlx::query(sql).bind(before).execute(&mut **c).await.map(|done| done.rows_affected()))?)
        })
    })
    .await
}
