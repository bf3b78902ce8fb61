//! The SQL of requests with an idempotency key.

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_tx,
};

/// A request as stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub content: String,
    pub request_id: String,
    pub status: Option<i64>,
    pub answer: Option<String>,
    pub lease_ms: Millis,
    pub expires_ms: Millis,
}

/// What came of taking a key.
#[derive(Debug)]
pub enum Taken {
    /// It is the caller's, who has to settle or release it.
    Now,
    /// It was taken before.
    Before(Row),
    /// It was given back just now.
    Released,
}

/// Stores `row`, unless there is one that has not expired.
pub async fn take(db: &Db, row: Row, now: Millis) -> Result<Taken, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "insert into idempotency (id, content, request_id, lease_ms, expires_ms) values ($1, $2, $3, $4, $5) \
                       on conflict (id) do update set content = excluded.content, request_id = excluded.request_id, \
                       status = null, answer = null, lease_ms = excluded.lease_ms, expires_ms = excluded.expires_ms \
                       where idempotency.expires_ms <= $6";
            let rows = on_tx!(tx, c => sqlx::query(sql).bind(&row.id).bind(row.content).bind(row.request_id)
                .bind(row.lease_ms).bind(row.expires_ms).bind(now)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?;
            if rows == 1 {
                return Ok(Taken::Now);
            }
            let sql = "select id, content, request_id, status, answer, lease_ms, expires_ms from idempotency where id = $1";
            let known: Option<Row> = on_tx!(tx, c => sqlx::query_as(sql).bind(&row.id).fetch_optional(&mut **c).await)?;
            Ok(known.map_or(Taken::Released, Taken::Before))
        })
    })
    .await
}

/// Keeps how the request `id` was answered.
pub async fn settle(
    db: &Db,
    id: String,
    status: u16,
    answer: Option<String>,
) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql =
                "update idempotency set status = $2, answer = $3 where id = $1 and status is null";
            on_tx!(tx, c => sqlx::query(sql).bind(id).bind(i64::from(status)).bind(answer)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Forgets the request `id`, which has not been answered for good.
pub async fn release(db: &Db, id: String) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from idempotency where id = $1 and status is null";
            on_tx!(tx, c => sqlx::query(sql).bind(id).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Deletes what has expired.
pub async fn expire(db: &Db, now: Millis) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from idempotency where expires_ms <= $1";
            on_tx!(tx, c => sqlx::query(sql).bind(now).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}
