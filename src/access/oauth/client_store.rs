//! The SQL of clients that registered themselves.

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db, on_tx,
};

/// A client as stored; redirect URIs are a JSON list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub redirect_uris: String,
    pub created_ms: Millis,
    pub used_ms: Millis,
}

/// What there may be.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Clients.
    pub clients: i64,
    /// Registrations since `since`.
    pub registrations: i64,
    /// A minute ago.
    pub since: Millis,
    /// Clients that were used last before this, and have nothing, make room.
    pub idle: Millis,
}

/// Why a client was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many.
    Clients,
    /// Too many came in the last minute.
    Registrations,
}

/// Stores `row` if there is room for it. What is counted is in the database: all hubs on it count together.
pub async fn insert(db: &Db, row: Row, caps: Caps) -> Result<Option<Full>, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "select count(*) from oauth_client where created_ms > $1";
            let recent: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).bind(caps.since).fetch_one(&mut **c).await)?;
            if recent >= caps.registrations {
                return Ok(Some(Full::Registrations));
            }
            let sql = "delete from oauth_client where used_ms < $1 and not exists \
                       (select 1 from oauth_delegation d where d.client_id = oauth_client.id)";
            on_tx!(tx, c => sqlx::query(sql).bind(caps.idle).execute(&mut **c).await.map(|_| ()))?;
            let sql = "select count(*) from oauth_client";
            let all: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).fetch_one(&mut **c).await)?;
            if all >= caps.clients {
                return Ok(Some(Full::Clients));
            }
            let sql = "insert into oauth_client (id, name, redirect_uris, created_ms, used_ms) values ($1, $2, $3, $4, $5)";
            on_tx!(tx, c => sqlx::query(sql).bind(row.id).bind(row.name).bind(row.redirect_uris).bind(row.created_ms)
                .bind(row.used_ms).execute(&mut **c).await.map(|_| ()))?;
            Ok(None)
        })
    })
    .await
}

pub async fn find(db: &Db, id: &str) -> Result<Option<Row>, DbError> {
    let sql = "select * from oauth_client where id = $1";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await)?)
}

/// Notes that the client was used.
pub async fn touch(db: &Db, id: &str, now: Millis) -> Result<(), DbError> {
    let id = id.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update oauth_client set used_ms = $2 where id = $1";
            on_tx!(tx, c => sqlx::query(sql).bind(id).bind(now).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}
