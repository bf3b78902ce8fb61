//! Prices that were imported.

use sqlx::QueryBuilder;

use super::Store;
use crate::{base::clock::Millis, db::DbError, on_db, on_tx};

/// A model's price from a time on.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PriceRow {
    /// The model's key in the table of prices.
    pub model: String,
    pub provider: String,
    pub effective_from: Millis,
    pub id: String,
    /// The table's entry, as JSON.
    pub entry: String,
}

impl Store {
    /// How many prices were imported, and from when the newest holds: the same as long as there is no new one.
    pub async fn prices_mark(&self) -> Result<(i64, Option<Millis>), DbError> {
        let sql = "select count(*), max(effective_from) from llm_price";
        Ok(on_db!(&self.db, pool => sqlx::query_as(sql).fetch_one(pool).await)?)
    }

    /// All imported prices, oldest first.
    pub async fn prices(&self) -> Result<Vec<PriceRow>, DbError> {
        let sql = "select model, provider, effective_from, id, entry from llm_price order by effective_from, model";
        Ok(on_db!(&self.db, pool => sqlx::query_as(sql).fetch_all(pool).await)?)
    }

    /// Stores prices, all or none.
    pub async fn put_prices(&self, rows: Vec<PriceRow>) -> Result<(), DbError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    for rows in rows.chunks(1000) {
                        on_tx!(tx, c => {
                            let mut sql = QueryBuilder::new("insert into llm_price (model, provider, effective_from, id, entry) ");
                            sql.push_values(rows, |mut row, price| {
                                row.push_bind(price.model.clone()).push_bind(price.provider.clone())
                                    .push_bind(price.effective_from).push_bind(price.id.clone()).push_bind(price.entry.clone());
                            });
                            sql.push(" on conflict (model, effective_from) do update set id = excluded.id, entry = excluded.entry");
                            sql.build().execute(&mut **c).await.map(|_| ())
                        })?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
