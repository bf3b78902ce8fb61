//! The SQL of service tokens.

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db, on_tx,
};

/// A token as stored: lists are JSON, the token itself is only there as a keyed hash.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub hash: String,
    pub projects: String,
    pub agents: String,
    pub scopes: String,
    pub tools_allow: String,
    pub tools_deny: String,
    pub created_ms: Millis,
    pub expires_ms: Option<Millis>,
    pub revoked_ms: Option<Millis>,
    pub last_used_ms: Option<Millis>,
    pub old_until_ms: Option<Millis>,
}

/// A token's new text, and how long it works as it was.
#[derive(Debug)]
pub struct Rotation {
    pub id: String,
    pub hash: String,
    pub old_until_ms: Millis,
    /// The new expiry, if it is to have another.
    pub expires_ms: Option<Millis>,
    pub now: Millis,
}

pub async fn insert(db: &Db, row: Row) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "insert into token (id, name, hash, projects, agents, scopes, tools_allow, tools_deny, created_ms, \
                       expires_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
            on_tx!(tx, c => sqlx::query(sql).bind(row.id).bind(row.name).bind(row.hash).bind(row.projects)
                .bind(row.agents).bind(row.scopes).bind(row.tools_allow).bind(row.tools_deny).bind(row.created_ms).bind(row.expires_ms)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// The token that is or was `hash`.
pub async fn by_hash(db: &Db, hash: &str) -> Result<Option<Row>, DbError> {
    let sql = "select * from token where hash = $1 or old_hash = $1";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(hash).fetch_optional(pool).await)?)
}

/// The token as it is now; none where there is no such live one.
pub async fn rotate(db: &Db, new: Rotation) -> Result<Option<Row>, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update token set old_hash = hash, old_until_ms = $3, hash = $2, expires_ms = coalesce($4, expires_ms) \
                       where id = $1 and revoked_ms is null and (expires_ms is null or expires_ms > $5) returning *";
            Ok(on_tx!(tx, c => sqlx::query_as(sql).bind(new.id).bind(new.hash).bind(new.old_until_ms)
                .bind(new.expires_ms).bind(new.now).fetch_optional(&mut **c).await)?)
        })
    })
    .await
}

/// Whether the token is neither revoked nor gone.
pub async fn is_live(db: &Db, id: &str) -> Result<bool, DbError> {
    let sql = "select 1 from token where id = $1 and revoked_ms is null";
    Ok(
        on_db!(db, pool => sqlx::query(sql).bind(id).fetch_optional(pool).await.map(|row| row.is_some()))?,
    )
}

pub async fn list(db: &Db, after: Option<&str>, limit: u32) -> Result<Vec<Row>, DbError> {
    Ok(
        on_db!(db, pool => sqlx::query_as("select * from token where id > $1 order by id limit $2")
        .bind(after.unwrap_or_default()).bind(i64::from(limit)).fetch_all(pool).await)?,
    )
}

/// False when there is no such live token.
pub async fn revoke(db: &Db, id: &str, now: Millis) -> Result<bool, DbError> {
    let id = id.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update token set revoked_ms = $2 where id = $1 and revoked_ms is null";
            let rows = on_tx!(tx, c => sqlx::query(sql).bind(id).bind(now)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?;
            Ok(rows == 1)
        })
    })
    .await
}

pub async fn touch(db: &Db, id: &str, now: Millis) -> Result<(), DbError> {
    let id = id.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            on_tx!(tx, c => sqlx::query("update token set last_used_ms = $2 where id = $1").bind(id).bind(now)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}
