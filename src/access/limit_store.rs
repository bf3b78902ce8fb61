//! The SQL of rates that several hubs share.

use std::time::Duration;

use super::quota::Rate;
use crate::db::{Db, DbError};

/// Counts one call of `subject` on PostgreSQL, by its own clock: none of the hubs' need agree. When it may be made, if not now.
/// The embedded database has one hub, which counts in memory.
pub async fn take(db: &Db, subject: &str, rate: Rate) -> Result<Option<Duration>, DbError> {
    let Db::Postgres(pool) = db else {
        return Ok(None);
    };
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let (interval, burst) = (micros(rate.interval), micros(rate.burst));
    // GCRA, as `quota` has it: the arrival that is stored never runs ahead of the clock by more than the burst.
    let sql = "with clock as (select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as now) \
               insert into limit_rate as r (subject, arrival_us) select $1, now + $2 from clock \
               on conflict (subject) do update set arrival_us = greatest(r.arrival_us, excluded.arrival_us - $2) + $2 \
               where greatest(r.arrival_us, excluded.arrival_us - $2) + $2 <= excluded.arrival_us - $2 + $3 \
               returning arrival_us";
    let taken: Option<i64> = sqlx::query_scalar(sql)
        .bind(subject)
        .bind(interval)
        .bind(burst)
        .fetch_optional(pool)
        .await?;
    Ok(taken.is_none().then_some(rate.interval))
}

/// Deletes what no longer counts: without a row, a subject is at its full rate as it is with one whose arrival is past.
pub async fn prune(db: &Db) -> Result<(), DbError> {
    if let Db::Postgres(pool) = db {
        let sql = "delete from limit_rate where arrival_us < cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
        sqlx::query(sql).execute(pool).await?;
    }
    Ok(())
}
