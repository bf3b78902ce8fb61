//! The SQL of sessions that outlive the hub's process.

use std::sync::Arc;

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db, on_tx,
};

/// A session as stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub principal_id: String,
    /// The endpoint that it was opened on.
    pub endpoint: String,
    /// The parameters of its `initialize`, as JSON.
    pub initialize: String,
    pub created_ms: Millis,
    pub last_seen_ms: Millis,
}

pub async fn insert(db: &Db, row: Row) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "insert into mcp_session (id, principal_id, endpoint, initialize, created_ms, last_seen_ms) \
                       values ($1, $2, $3, $4, $5, $6)";
            on_tx!(tx, c => sqlx::query(sql).bind(row.id).bind(row.principal_id).bind(row.endpoint)
                .bind(row.initialize).bind(row.created_ms).bind(row.last_seen_ms)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// The session, if it is one of `endpoint` and was used after `since`.
pub async fn find(
    db: &Db,
    id: &str,
    endpoint: &str,
    since: Millis,
) -> Result<Option<Row>, DbError> {
    let sql = "select * from mcp_session where id = $1 and endpoint = $2 and last_seen_ms > $3";
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(id).bind(endpoint).bind(since)
        .fetch_optional(pool).await)?,
    )
}

/// Notes that these sessions were used.
pub async fn touch(db: &Db, ids: Vec<Arc<str>>, now: Millis) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            for id in ids {
                let sql = "update mcp_session set last_seen_ms = $2 where id = $1";
                on_tx!(tx, c => sqlx::query(sql).bind(&*id).bind(now)
                    .execute(&mut **c).await.map(|_| ()))?;
            }
            Ok(())
        })
    })
    .await
}

pub async fn delete(db: &Db, id: &str) -> Result<(), DbError> {
    let id = id.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            on_tx!(tx, c => sqlx::query("delete from mcp_session where id = $1").bind(id)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Deletes the sessions that were last used at `before` or earlier.
pub async fn expire(db: &Db, before: Millis) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from mcp_session where last_seen_ms <= $1";
            on_tx!(tx, c => sqlx::query(sql).bind(before).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}
