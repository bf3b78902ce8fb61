//! Which price holds for a model at a time: one that was imported, else that of the table that comes with the hub. What the
//! settings say goes before both, and is asked for first.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    engine::prices::{Entry, Table, belongs, keys, slim_entry},
    record::CostSource,
    resources::models_changed,
    store::{PriceRow, Store},
};
use crate::{
    base::{clock::Millis, ids::new_id},
    db::DbError,
    tool::Host,
};

/// How often a running hub looks for prices that were imported.
const REFRESH: Duration = Duration::from_secs(5);

/// A model's entry, and where it comes from.
#[derive(Debug, Clone)]
pub struct Priced {
    /// Goes into the request's record.
    pub id: Arc<str>,
    pub source: CostSource,
    pub entry: Arc<Entry>,
}

/// Entries by key, each with the time from which it holds, oldest first.
type Imported = HashMap<String, Vec<(Millis, Priced)>>;

/// The prices of models. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prices {
    store: Store,
    imported: Arc<RwLock<Arc<Imported>>>,
}

impl Prices {
    /// Reads what was imported, and goes on looking for more.
    pub async fn open(store: &Store, host: &Host) -> Result<Self, DbError> {
        let prices = Self {
            store: store.clone(),
            imported: Arc::default(),
        };
        let mut mark = store.prices_mark().await?;
        prices.read().await?;
        let (watching, changes) = (prices.clone(), host.changes.clone());
        host.tasks.spawn("llm prices", move |stop| async move {
            while stop
                .run_until_cancelled(tokio::time::sleep(REFRESH))
                .await
                .is_some()
            {
                match watching.store.prices_mark().await {
                    Ok(now) if now == mark => {}
                    Ok(now) => match watching.read().await {
                        Ok(()) => {
                            mark = now;
                            changes.tell(models_changed());
                        }
                        Err(error) => tracing::warn!(%error, "imported prices cannot be read"),
                    },
                    Err(error) => tracing::warn!(%error, "imported prices cannot be read"),
                }
            }
        });
        Ok(prices)
    }

    /// What a model costs that is asked for at `at` from a provider of a kind (`openai`, `bedrock`, …), and what it can.
    pub fn find(&self, kind: &str, model: &str, at: Millis) -> Option<Priced> {
        let imported = Arc::clone(&self.imported.read().unwrap_or_else(PoisonError::into_inner));
        keys(kind, model).find_map(|key| {
            let newest = imported
                .get(&key)
                .and_then(|all| all.iter().rev().find(|(from, _)| *from <= at));
            let priced = newest
                .map(|(_, priced)| priced.clone())
                .or_else(|| shipped(&key));
            priced.filter(|priced| belongs(&priced.entry.provider, kind))
        })
    }

    async fn read(&self) -> Result<(), DbError> {
        let mut imported = Imported::new();
        for row in self.store.prices().await? {
            let fields: Option<Map<String, Value>> = serde_json::from_str(&row.entry).ok();
            let Some(entry) = fields.and_then(|fields| Entry::read(&fields)) else {
                tracing::error!(row.id, row.model, "an imported price cannot be read");
                continue;
            };
            let priced = Priced {
                id: row.id.into(),
                source: CostSource::Imported,
                entry: Arc::new(entry),
            };
            imported
                .entry(row.model)
                .or_default()
                .push((row.effective_from, priced));
        }
        *self
            .imported
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(imported);
        Ok(())
    }
}

/// The entry of the table that comes with the hub.
fn shipped(key: &str) -> Option<Priced> {
    let table = Table::builtin();
    let entry = Arc::clone(table.get(key)?);
    Some(Priced {
        id: format!("table-{}/{key}", table.origin.version).into(),
        source: CostSource::Table,
        entry,
    })
}

/// What an import came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import {
    /// Models whose entry is new or another than before; they hold from now on.
    pub changed: usize,
    /// Models with a price that were read.
    pub read: usize,
}

/// Reads `json`, a table in the litellm project's form, and stores what differs from what holds now. Nothing is stored where it
/// holds no prices: then the error says so.
pub async fn import(store: &Store, json: &[u8], now: Millis) -> Result<Import, ImportError> {
    let upstream: Map<String, Value> =
        serde_json::from_slice(json).map_err(|error| ImportError::Form(error.to_string()))?;
    let mut before: HashMap<String, Entry> = HashMap::new();
    for row in store.prices().await? {
        if let Some(entry) = serde_json::from_str(&row.entry)
            .ok()
            .as_ref()
            .and_then(Entry::read)
        {
            before.insert(row.model, entry);
        }
    }
    let (mut read, mut rows) = (0, Vec::new());
    for (model, fields) in &upstream {
        let Some(fields) = fields.as_object() else {
            continue;
        };
        let Some(entry) = Entry::read(fields).filter(|entry| entry.price.is_some()) else {
            continue;
        };
        read += 1;
        let shipped = || Table::builtin().get(model).map(|entry| &**entry);
        if before.get(model).or_else(shipped) != Some(&entry) {
            rows.push(PriceRow {
                model: model.clone(),
                provider: entry.provider,
                effective_from: now,
                id: new_id("price"),
                entry: Value::Object(slim_entry(fields)).to_string(),
            });
        }
    }
    if read == 0 {
        return Err(ImportError::Form("no model in it has a price".to_owned()));
    }
    let changed = rows.len();
    store.put_prices(rows).await?;
    Ok(Import { changed, read })
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not such a table.
    #[error("not a table of prices as litellm's model_prices_and_context_window.json: {0}")]
    Form(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        servers::llm_gateway::engine::{chat::Usage, prices::Mode},
        test,
    };

    fn model(input: f64) -> Value {
        json!({"mode": "chat", "litellm_provider": "openai", "input_cost_per_token": input, "output_cost_per_token": 0.0})
    }

    #[tokio::test]
    async fn a_request_is_priced_by_what_held_when_it_started() {
        let (host, _dir) = test::host().await;
        let store = Store::new(host.db.clone());
        let table = |input: f64| {
            json!({"gpt-4o": model(input), "new": model(1e-6), "sample_spec": {"mode": "one of"}})
                .to_string()
        };
        let first = import(&store, table(3e-6).as_bytes(), 1000).await.unwrap();
        assert_eq!(
            first,
            Import {
                changed: 2,
                read: 2
            }
        );
        let same = import(&store, table(3e-6).as_bytes(), 1500).await.unwrap();
        assert_eq!(
            same,
            Import {
                changed: 0,
                read: 2
            }
        );
        let second = import(&store, table(4e-6).as_bytes(), 2000).await.unwrap();
        assert_eq!(
            second,
            Import {
                changed: 1,
                read: 2
            }
        );

        let prices = Prices::open(&store, &host).await.unwrap();
        let cost = |model: &str, at| {
            let priced = prices.find("openai", model, at)?;
            let usage = Usage {
                input: Some(1000),
                output: Some(0),
                ..Usage::default()
            };
            Some((
                priced.source,
                priced.entry.price.as_ref()?.cost(&usage, Mode::Standard)?,
            ))
        };
        // $2.50, $3 and $4 a million.
        assert_eq!(cost("gpt-4o", 999), Some((CostSource::Table, 2_500_000)));
        assert_eq!(
            cost("gpt-4o", 1000),
            Some((CostSource::Imported, 3_000_000))
        );
        assert_eq!(
            cost("gpt-4o-2031-12-31", 2000),
            Some((CostSource::Imported, 4_000_000))
        );
        assert_eq!(
            (cost("new", 999), cost("new", 1000).is_some()),
            (None, true)
        );
        assert!(prices.find("anthropic", "gpt-4o", 3000).is_none());
    }

    #[tokio::test]
    async fn what_is_no_table_changes_nothing() {
        let (host, _dir) = test::host().await;
        let store = Store::new(host.db.clone());
        for text in [
            "",
            "[]",
            "<html>",
            "{}",
            r#"{"a": {"mode": "chat"}}"#,
            r#"{"a": 1}"#,
        ] {
            assert!(
                matches!(
                    import(&store, text.as_bytes(), 1).await,
                    Err(ImportError::Form(_))
                ),
                "{text}"
            );
        }
        assert_eq!(store.prices().await.unwrap(), []);
    }
}
