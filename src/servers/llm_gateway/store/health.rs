//! How targets do, over restarts.

use std::time::Duration;

use super::Store;
use crate::{
    base::clock::Millis,
    db::DbError,
    on_db, on_tx,
    servers::llm_gateway::routing::health::{Health, Key},
};

type Row = (String, String, i64, Option<String>, Millis, i64);

impl Store {
    /// The targets that fail or cool down.
    pub async fn health(&self) -> Result<Vec<(Key, Health)>, DbError> {
        let sql = "select provider, upstream_model, failures, last_error, until_ms, cooled_ms from llm_target";
        let rows: Vec<Row> = on_db!(&self.db, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        let known = |(provider, model, failures, last_error, until_ms, cooled): Row| {
            let key = Key {
                provider: provider.into(),
                model: model.into(),
            };
            let health = Health {
                failures: u32::try_from(failures).unwrap_or_default(),
                last_error,
                until_ms,
                cooled: Duration::from_millis(u64::try_from(cooled).unwrap_or_default()),
                ..Health::default()
            };
            (key, health)
        };
        Ok(rows.into_iter().map(known).collect())
    }

    /// Keeps what is known of a target; one that is well needs no row.
    pub async fn put_health(&self, key: &Key, health: &Health) -> Result<(), DbError> {
        let (key, health) = (key.clone(), health.clone());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = if health.until_ms == 0 {
                        "delete from llm_target where provider = $1 and upstream_model = $2"
                    } else {
                        "insert into llm_target (provider, upstream_model, failures, last_error, until_ms, cooled_ms) \
                         values ($1, $2, $3, $4, $5, $6) on conflict (provider, upstream_model) do update set \
                         failures = excluded.failures, last_error = excluded.last_error, \
                         until_ms = excluded.until_ms, cooled_ms = excluded.cooled_ms"
                    };
                    on_tx!(tx, c => {
                        let mut query = sqlx::query(sql)
                            .bind(key.provider.to_string())
                            .bind(key.model.to_string());
                        if health.until_ms != 0 {
                            query = query
                                .bind(i64::from(health.failures))
                                .bind(&health.last_error)
                                .bind(health.until_ms)
                                .bind(i64::try_from(health.cooled.as_millis()).unwrap_or(i64::MAX));
                        }
                        query.execute(&mut **c).await.map(|_| ())
                    })?;
                    Ok(())
                })
            })
            .await
    }
}
