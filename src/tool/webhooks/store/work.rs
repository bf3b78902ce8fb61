//! The work: making deliveries of events, taking the next one of a webhook, and keeping what came of it. One hub at a time has a
//! webhook's lease.

use super::{
    super::model::DeliveryState,
    Row,
    deliveries::{self, DeliveryRow, NewDelivery},
};
use crate::{
    base::clock::Millis,
    db::{Db, DbError, Kind, parts},
    on_db, on_tx,
};

/// A webhook in whose project something has happened.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Behind {
    pub id: String,
    pub project_id: String,
    pub filter: String,
    pub seen: i64,
}

/// Webhooks that have events of their project before them, up to `newest`, and for which less than `most` deliveries wait.
pub async fn behind(db: &Db, newest: i64, most: i64) -> Result<Vec<Behind>, DbError> {
    let sql = "select w.id, w.project_id, w.filter, w.seen from webhook w where w.enabled and w.seen < $1 \
               and exists (select 1 from event e where e.project_id = w.project_id and e.seq > w.seen) \
               and (select count(*) from webhook_delivery d where d.webhook_id = w.id and d.state = 'pending') < $2 \
               order by w.seen, w.id limit 200";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(newest).bind(most).fetch_all(pool).await)?)
}

/// Moves a webhook from `from` to `to`, and makes the deliveries of the events between. False when another hub did.
pub async fn fan_out(
    db: &Db,
    webhook: &str,
    from: i64,
    to: i64,
    new: Vec<NewDelivery>,
    now: Millis,
) -> Result<bool, DbError> {
    let webhook = webhook.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update webhook set seen = $3 where id = $1 and seen = $2 and enabled";
            let moved = on_tx!(tx, c => sqlx::query(sql).bind(&webhook).bind(from).bind(to).execute(&mut **c).await
                .map(|done| done.rows_affected()))?;
            if moved == 0 {
                return Ok(false);
            }
            for new in parts(&new) {
                on_tx!(tx, c => deliveries::put(new, &webhook, now).build().execute(&mut **c).await.map(|_| ()))?;
            }
            Ok(true)
        })
    })
    .await
}

/// Moves webhooks on in whose projects nothing has happened, so that they do not seem to have missed what is pruned.
pub async fn skip_idle(db: &Db, newest: i64) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "update webhook set seen = $1 where enabled and seen < $1 and not exists \
                       (select 1 from event e where e.project_id = webhook.project_id and e.seq > webhook.seen)";
            on_tx!(tx, c => sqlx::query(sql).bind(newest).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// A webhook with a delivery that is due.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    pub id: String,
    /// 1 when another hub has its lease.
    pub held: i64,
}

/// Webhooks with a delivery that is due, those that `hub` may take first, of these the longest waiting.
pub async fn due(db: &Db, hub: &str, now: Millis, limit: usize) -> Result<Vec<Due>, DbError> {
    let sql = "select w.id, cast(case when w.lease_owner <> $2 and w.lease_until_ms > $1 then 1 else 0 end as bigint) as held \
               from webhook_delivery d join webhook w on w.id = d.webhook_id \
               where w.enabled and d.state = 'pending' and d.next_ms <= $1 \
               group by w.id, w.lease_owner, w.lease_until_ms order by held, min(d.next_ms), w.id limit $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(now).bind(hub).bind(limit).fetch_all(pool).await)?,
    )
}

/// When the first delivery is due that is not yet.
pub async fn next_due(db: &Db, now: Millis) -> Result<Option<Millis>, DbError> {
    let sql = "select min(d.next_ms) from webhook_delivery d join webhook w on w.id = d.webhook_id \
               where w.enabled and d.state = 'pending' and d.next_ms > $1";
    Ok(on_db!(db, pool => sqlx::query_scalar(sql).bind(now).fetch_one(pool).await)?)
}

/// A webhook whose lease is held, and its next delivery.
#[derive(Clone, Debug)]
pub struct Taken {
    pub webhook: Row,
    pub delivery: DeliveryRow,
}

/// Takes or keeps the lease of `webhook` for `hub` until `until`, with the first delivery that is due. Where another hub has the
/// lease, or nothing is due, it is nothing, and in the same moment the lease is free: a delivery that is made meanwhile is found by
/// whoever made it.
pub async fn take(
    db: &Db,
    webhook: &str,
    hub: &str,
    now: Millis,
    until: Millis,
) -> Result<Option<Taken>, DbError> {
    let (id, hub) = (webhook.to_owned(), hub.to_owned());
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = concat!(
                "update webhook set lease_owner = $2, lease_until_ms = $4 where id = $1 and enabled \
                 and (lease_owner = $2 or lease_until_ms <= $3) returning ",
                super::columns!()
            );
            let webhook: Option<Row> = on_tx!(tx, c => sqlx::query_as(sql).bind(&id).bind(&hub).bind(now).bind(until)
                .fetch_optional(&mut **c).await)?;
            let Some(webhook) = webhook else {
                return Ok(None);
            };
            let sql = concat!(
                "select ",
                deliveries::columns!(),
                " from webhook_delivery where webhook_id = $1 and state = 'pending' and next_ms <= $2 \
                 order by coalesce(event_seq, 0), id limit 1"
            );
            let delivery: Option<DeliveryRow> = on_tx!(tx, c => sqlx::query_as(sql).bind(&id).bind(now)
                .fetch_optional(&mut **c).await)?;
            if delivery.is_none() {
                on_tx!(tx, c => sqlx::query(RELEASE).bind(&id).bind(&hub).execute(&mut **c).await.map(|_| ()))?;
            }
            Ok(delivery.map(|delivery| Taken { webhook, delivery }))
        })
    })
    .await
}

const RELEASE: &str =
    "update webhook set lease_owner = null, lease_until_ms = 0 where id = $1 and lease_owner = $2";

/// Gives the lease of `webhook` back.
pub async fn release(db: &Db, webhook: &str, hub: &str) -> Result<(), DbError> {
    let (id, hub) = (webhook.to_owned(), hub.to_owned());
    db.write(move |mut tx| {
        Box::pin(async move {
            on_tx!(tx, c => sqlx::query(RELEASE).bind(id).bind(hub).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Frees what a dead process held. Only where this process is alone on its database.
pub async fn free_leases(db: &Db) -> Result<(), DbError> {
    if db.kind() != Kind::Sqlite {
        return Ok(());
    }
    db.write(|mut tx| {
        Box::pin(async move {
            let sql = "update webhook set lease_owner = null, lease_until_ms = 0 where lease_until_ms > 0";
            on_tx!(tx, c => sqlx::query(sql).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Settled {
    pub webhook: String,
    pub delivery: String,
    pub state: DeliveryState,
    pub next_ms: Millis,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub duration_ms: i64,
    /// Why the webhook is disabled from now on.
    pub disable: Option<String>,
}

/// Keeps what came of an attempt.
pub async fn settle(db: &Db, settled: Settled, now: Millis) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let delivered = settled.state == DeliveryState::Delivered;
            // One that another hub delivered, because this one was slow, stays delivered.
            let sql = "update webhook_delivery set state = $2, attempts = attempts + 1, tries = tries + 1, next_ms = $3, \
                       status = $4, error = $5, duration_ms = $6, updated_ms = $7 where id = $1 and state = 'pending'";
            on_tx!(tx, c => sqlx::query(sql).bind(settled.delivery).bind(settled.state.as_str()).bind(settled.next_ms)
                .bind(settled.status).bind(settled.error).bind(settled.duration_ms).bind(now)
                .execute(&mut **c).await.map(|_| ()))?;
            let sql = if delivered {
                "update webhook set failing_since_ms = null where id = $1 and failing_since_ms is not null and $2 > 0"
            } else {
                "update webhook set failing_since_ms = $2 where id = $1 and failing_since_ms is null"
            };
            on_tx!(tx, c => sqlx::query(sql).bind(&settled.webhook).bind(now).execute(&mut **c).await.map(|_| ()))?;
            if let Some(reason) = settled.disable {
                let sql = "update webhook set enabled = false, disabled_reason = $2, updated_ms = $3, lease_owner = null, \
                           lease_until_ms = 0 where id = $1 and enabled";
                on_tx!(tx, c => sqlx::query(sql).bind(&settled.webhook).bind(reason).bind(now)
                    .execute(&mut **c).await.map(|_| ()))?;
            }
            Ok(())
        })
    })
    .await
}
