//! The SQL of webhooks.

mod deliveries;
mod work;

pub use deliveries::{DeliveryRow, NewDelivery, deliveries, insert_delivery, prune, redeliver};
pub use work::{
    Behind, Settled, Taken, behind, due, fan_out, free_leases, next_due, release, settle,
    skip_idle, take,
};

use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db, on_tx,
};

/// A webhook as stored. Its filter is JSON, its secrets are sealed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub project_id: String,
    pub url: String,
    pub description: String,
    pub filter: String,
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    pub secret: String,
    pub old_secret: Option<String>,
    pub old_until_ms: Option<Millis>,
    pub failing_since_ms: Option<Millis>,
    pub created_ms: Millis,
    pub updated_ms: Millis,
}

macro_rules! columns {
    () => {
        "id, project_id, url, description, filter, enabled, disabled_reason, secret, old_secret, old_until_ms, \
         failing_since_ms, created_ms, updated_ms"
    };
}
pub(super) use columns;

/// Stores a webhook, which is sent what happens from now on. False when its project has `most` already.
pub async fn insert(db: &Db, row: Row, most: i64) -> Result<bool, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "select count(*) from webhook where project_id = $1";
            let there: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&row.project_id).fetch_one(&mut **c).await)?;
            if there >= most {
                return Ok(false);
            }
            let sql = "insert into webhook (id, project_id, url, description, filter, enabled, secret, seen, created_ms, \
                       updated_ms, lease_until_ms) \
                       values ($1, $2, $3, $4, $5, $6, $7, (select coalesce(max(seq), 0) from event), $8, $8, 0)";
            on_tx!(tx, c => sqlx::query(sql).bind(row.id).bind(row.project_id).bind(row.url).bind(row.description)
                .bind(row.filter).bind(row.enabled).bind(row.secret).bind(row.created_ms)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(true)
        })
    })
    .await
}

/// Webhooks of a project by id, after `after`.
pub async fn list(db: &Db, project: &str, after: &str, limit: u32) -> Result<Vec<Row>, DbError> {
    let sql = concat!(
        "select ",
        columns!(),
        " from webhook where project_id = $1 and id > $2 order by id limit $3"
    );
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(project).bind(after).bind(i64::from(limit))
        .fetch_all(pool).await)?,
    )
}

/// A webhook of the project.
pub async fn find(db: &Db, project: &str, id: &str) -> Result<Option<Row>, DbError> {
    let sql = concat!(
        "select ",
        columns!(),
        " from webhook where project_id = $1 and id = $2"
    );
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(project).bind(id).fetch_optional(pool).await)?)
}

/// What of a webhook is to be changed.
#[derive(Debug)]
pub struct Change {
    pub url: Option<String>,
    pub description: Option<String>,
    pub filter: Option<String>,
    pub enabled: Option<bool>,
}

/// Changes a webhook of the project. One that is enabled again looks at no event from before.
pub async fn update(
    db: &Db,
    project: &str,
    id: &str,
    change: Change,
    now: Millis,
) -> Result<Option<Row>, DbError> {
    let (project, id) = (project.to_owned(), id.to_owned());
    let sql = concat!(
        "update webhook set url = coalesce($3, url), description = coalesce($4, description), \
         filter = coalesce($5, filter), updated_ms = $7, enabled = coalesce($6, enabled), \
         seen = case when $6 and not enabled then (select coalesce(max(seq), 0) from event) else seen end, \
         disabled_reason = case when $6 is null then disabled_reason else null end, \
         failing_since_ms = case when $6 is null and $3 is null then failing_since_ms else null end \
         where project_id = $1 and id = $2 returning ",
        columns!()
    );
    db.write(move |mut tx| {
        Box::pin(async move {
            Ok(on_tx!(tx, c => sqlx::query_as(sql).bind(project).bind(id).bind(change.url).bind(change.description)
                .bind(change.filter).bind(change.enabled).bind(now).fetch_optional(&mut **c).await)?)
        })
    })
    .await
}

/// Gives a webhook of the project another secret. The one it has signs until `old_until`, if that is said.
pub async fn rotate(
    db: &Db,
    project: &str,
    id: &str,
    secret: String,
    old_until: Option<Millis>,
    now: Millis,
) -> Result<Option<Row>, DbError> {
    let (project, id) = (project.to_owned(), id.to_owned());
    let sql = concat!(
        "update webhook set old_secret = case when $4 is null then null else secret end, old_until_ms = $4, \
         secret = $3, updated_ms = $5 where project_id = $1 and id = $2 returning ",
        columns!()
    );
    db.write(move |mut tx| {
        Box::pin(async move {
            Ok(on_tx!(tx, c => sqlx::query_as(sql).bind(project).bind(id).bind(secret).bind(old_until).bind(now)
                .fetch_optional(&mut **c).await)?)
        })
    })
    .await
}

/// Deletes a webhook of the project with its deliveries. False when there is none.
pub async fn delete(db: &Db, project: &str, id: &str) -> Result<bool, DbError> {
    let (project, id) = (project.to_owned(), id.to_owned());
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from webhook where project_id = $1 and id = $2";
            let gone = on_tx!(tx, c => sqlx::query(sql).bind(project).bind(id).execute(&mut **c).await
                .map(|done| done.rows_affected()))?;
            Ok(gone > 0)
        })
    })
    .await
}
