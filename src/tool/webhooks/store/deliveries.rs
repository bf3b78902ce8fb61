//! Deliveries: the log of what was sent, and what is still to be sent.

use sqlx::QueryBuilder;

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db, on_tx,
    tool::webhooks::model::DeliveryState,
};

/// A delivery as stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DeliveryRow {
    pub id: String,
    pub event_seq: Option<i64>,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub body: String,
    pub state: String,
    pub attempts: i64,
    pub tries: i64,
    pub next_ms: Millis,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_ms: Millis,
    pub updated_ms: Millis,
}

macro_rules! columns {
    () => {
        "id, event_seq, type, body, state, attempts, tries, next_ms, status, error, duration_ms, created_ms, updated_ms"
    };
}
pub(super) use columns;

/// A delivery to make: its first attempt is due at once.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub id: String,
    pub event_seq: Option<i64>,
    pub kind: String,
    pub body: String,
}

/// Adds `new` to those of `webhook`; an event that has one is passed over.
pub(super) fn put<'a, DB: sqlx::Database>(
    new: &'a [NewDelivery],
    webhook: &'a str,
    now: Millis,
) -> QueryBuilder<DB>
where
    String: sqlx::Type<DB> + sqlx::Encode<'a, DB>,
    Option<i64>: sqlx::Type<DB> + sqlx::Encode<'a, DB>,
    i64: sqlx::Type<DB> + sqlx::Encode<'a, DB>,
{
    let mut sql = QueryBuilder::new(
        "insert into webhook_delivery (id, webhook_id, event_seq, type, body, state, attempts, tries, next_ms, created_ms, \
         updated_ms) ",
    );
    sql.push_values(new, |mut row, delivery| {
        row.push_bind(delivery.id.clone())
            .push_bind(webhook.to_owned())
            .push_bind(delivery.event_seq)
            .push_bind(delivery.kind.clone())
            .push_bind(delivery.body.clone())
            .push("'pending', 0, 0")
            .push_bind(now)
            .push_bind(now)
            .push_bind(now);
    });
    sql.push(" on conflict (webhook_id, event_seq) do nothing");
    sql
}

/// Stores one delivery.
pub async fn insert_delivery(
    db: &Db,
    webhook: &str,
    new: NewDelivery,
    now: Millis,
) -> Result<(), DbError> {
    let webhook = webhook.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            let new = [new];
            on_tx!(tx, c => put(&new, &webhook, now).build().execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Deliveries of `webhook`, newest first, before `before`.
pub async fn deliveries(
    db: &Db,
    webhook: &str,
    id: Option<&str>,
    state: Option<DeliveryState>,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<DeliveryRow>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from webhook_delivery where webhook_id = "));
        sql.push_bind(webhook);
        if let Some(id) = id {
            sql.push(" and id = ").push_bind(id);
        }
        if let Some(state) = state {
            sql.push(" and state = ").push_bind(state.as_str());
        }
        if let Some(before) = before {
            sql.push(" and id < ").push_bind(before);
        }
        sql.push(" order by id desc limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// Begins a delivery anew. Nothing when there is none.
pub async fn redeliver(
    db: &Db,
    webhook: &str,
    id: &str,
    now: Millis,
) -> Result<Option<DeliveryRow>, DbError> {
    let (webhook, id) = (webhook.to_owned(), id.to_owned());
    let sql = concat!(
        "update webhook_delivery set state = 'pending', tries = 0, next_ms = $3, updated_ms = $3 \
         where webhook_id = $1 and id = $2 returning ",
        columns!()
    );
    db.write(move |mut tx| {
        Box::pin(async move {
            Ok(on_tx!(tx, c => sqlx::query_as(sql).bind(webhook).bind(id).bind(now).fetch_optional(&mut **c).await)?)
        })
    })
    .await
}

/// Deletes deliveries that have not changed since `before`, but those that still wait for a webhook that is enabled.
pub async fn prune(db: &Db, before: Millis) -> Result<u64, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from webhook_delivery where updated_ms < $1 and (state <> 'pending' \
                       or webhook_id in (select id from webhook where not enabled))";
            Ok(on_tx!(tx, c => sqlx::query(sql).bind(before).execute(&mut **c).await.map(|done| done.rows_affected()))?)
        })
    })
    .await
}
