//! The table of models, and how one is found in it.

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, LazyLock},
};

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::entry::{self, Entry};

static BUILTIN: LazyLock<Table> = LazyLock::new(|| {
    let mut json = Vec::new();
    let unpacked = GzDecoder::new(&include_bytes!("table.json.gz")[..]).read_to_end(&mut json);
    let read = unpacked
        .map_err(|error| error.to_string())
        .and_then(|_| Table::read(&json));
    read.unwrap_or_else(|error| {
        tracing::error!(error, "the built-in table of prices cannot be read");
        Table::default()
    })
});

/// Where a table comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub source: String,
    pub version: String,
    /// The day it was taken, as `2026-11-22`.
    pub date: String,
    pub licence: String,
}

/// Models by their keys: `provider/model`, or the model alone.
#[derive(Debug, Default)]
pub struct Table {
    pub origin: Origin,
    entries: HashMap<String, Arc<Entry>>,
}

#[derive(Serialize)]
struct Shipped {
    #[serde(flatten)]
    origin: Origin,
    models: Map<String, Value>,
}

/// The same, its models read one at a time: all at once they take megabytes.
#[derive(Deserialize)]
struct Packed<'a> {
    #[serde(flatten)]
    origin: Origin,
    #[serde(borrow)]
    models: HashMap<String, &'a RawValue>,
}

impl Table {
    /// The table that comes with the hub, unpacked at its first use.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a table as [`slim`] makes it.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let Packed { origin, models } =
            serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let entries = models.into_iter().filter_map(|(key, fields)| {
            let fields: Map<String, Value> = serde_json::from_str(fields.get()).ok()?;
            Some((key, Arc::new(Entry::read(&fields)?)))
        });
        Ok(Self {
            entries: entries.collect(),
            origin,
        })
    }

    /// The entry of this very key.
    pub fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.entries.get(key)
    }

    /// The model as the provider of a kind (`openai`, `bedrock`, …) calls it, with its key.
    pub fn find(&self, kind: &str, model: &str) -> Option<(String, &Entry)> {
        keys(kind, model).find_map(|key| {
            let entry = self
                .get(&key)
                .filter(|entry| belongs(&entry.provider, kind))?;
            Some((key, entry.as_ref()))
        })
    }
}

/// The table's name of a kind of providers.
fn provider(kind: &str) -> &str {
    match kind {
        "openai_responses" => "openai",
        "together" => "together_ai",
        "fireworks" => "fireworks_ai",
        "vertex" => "vertex_ai",
        same => same,
    }
}

/// Whether an entry's provider is of the kind: the same, or a part of it (`vertex_ai-anthropic_models`, `bedrock_converse`).
pub fn belongs(entry: &str, kind: &str) -> bool {
    let rest = entry.strip_prefix(provider(kind));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// The keys under which a model may be found, surest first. Beyond exact names there are only spellings of the same model: a
/// dated version has the price of its model, and a fine-tuned one that of its base.
pub fn keys(kind: &str, model: &str) -> impl Iterator<Item = String> {
    let provider = provider(kind).to_owned();
    let short = model.strip_prefix("models/").unwrap_or(model);
    // An inference profile's ARN ends with the profile's name; the global profile has the price of the model itself.
    let short = if kind == "bedrock" {
        short.rsplit_once('/').map_or(short, |(_, name)| name)
    } else {
        short
    };
    let tuned = short
        .strip_prefix("ft:")
        .map(|rest| format!("ft:{}", rest.split(':').next().unwrap_or(rest)));
    let global = short.strip_prefix("global.").map(str::to_owned);
    let names = [
        Some(short.to_owned()),
        undated(short).map(str::to_owned),
        tuned,
        global,
    ];
    let names: Vec<String> = names.into_iter().flatten().collect();
    names
        .into_iter()
        .flat_map(move |name| [format!("{provider}/{name}"), name])
}

/// The model without the date of its version: `-20250929`, `-2024-08-06`, `@20250929`.
fn undated(model: &str) -> Option<&str> {
    let cut = |digits: &[usize], separator: char| {
        let length = digits.iter().sum::<usize>() + digits.len();
        let (name, end) = model.split_at_checked(model.len().checked_sub(length)?)?;
        let mut rest = end.strip_prefix(separator)?.split('-');
        let fits = digits.iter().all(|n| {
            rest.next()
                .is_some_and(|part| part.len() == *n && part.bytes().all(|b| b.is_ascii_digit()))
        });
        (fits && rest.next().is_none() && !name.is_empty()).then_some(name)
    };
    cut(&[8], '-')
        .or_else(|| cut(&[4, 2, 2], '-'))
        .or_else(|| cut(&[8], '@'))
}

/// The table that is shipped, made from the upstream file: the models that have a price, with what is read of them.
pub fn slim(upstream: &Map<String, Value>, origin: Origin) -> Result<Vec<u8>, String> {
    let mut models: Vec<(String, Value)> = upstream
        .iter()
        .filter_map(|(key, fields)| Some((key, fields.as_object()?)))
        .filter(|(_, fields)| Entry::read(fields).is_some_and(|entry| entry.price.is_some()))
        .map(|(key, fields)| (key.clone(), entry::slim(fields).into()))
        .collect();
    models.sort_by(|(a, _), (b, _)| a.cmp(b));
    let models = models.into_iter().collect();
    serde_json::to_vec(&Shipped { origin, models }).map_err(|error| error.to_string())
}
