//! A model in the table: its price, limits and capabilities, read from what the litellm project says of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Mode, Price, Rates, Tariff};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Chat,
    /// Chat by OpenAI's responses alone.
    Responses,
    /// Text that is continued, without turns.
    Completion,
    Embedding,
}

/// What a model can take and do. What the table does not say, it cannot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub vision: bool,
    pub tools: bool,
    pub json_schema: bool,
    pub pdf: bool,
    pub audio: bool,
    pub reasoning: bool,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its provider, by the table's name.
    pub provider: String,
    pub task: Task,
    pub price: Option<Price>,
    /// Most tokens of input.
    pub max_input: Option<u64>,
    /// Most tokens of output.
    pub max_output: Option<u64>,
    pub capabilities: Capabilities,
}

const CAPABILITIES: [&str; 6] = [
    "supports_vision",
    "supports_function_calling",
    "supports_response_schema",
    "supports_pdf_input",
    "supports_audio_input",
    "supports_reasoning",
];
const OTHERS: [&str; 6] = [
    "litellm_provider",
    "mode",
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_request",
    "tiered_pricing",
];

/// A class of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Input,
    Output,
    Cached,
    Written,
    Written1h,
    Reasoning,
}

/// What a field gives the price of: a class, above so many input tokens, in a mode.
fn field(name: &str) -> Option<(Class, u64, Mode)> {
    let modes = [
        ("_batches", Mode::Batch),
        ("_flex", Mode::Flex),
        ("_priority", Mode::Priority),
    ];
    let moded = modes
        .iter()
        .find_map(|(end, mode)| Some((name.strip_suffix(end)?, *mode)));
    let (name, mode) = moded.unwrap_or((name, Mode::Standard));
    let above = |name: &str| {
        let (class, count) = name.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
        Some((
            class.to_owned(),
            count.parse::<u64>().ok()?.checked_mul(1000)?,
        ))
    };
    let (name, above) = above(name).unwrap_or((name.to_owned(), 0));
    let class = match name.as_str() {
        "input_cost_per_token" => Class::Input,
        "output_cost_per_token" => Class::Output,
        "cache_read_input_token_cost" => Class::Cached,
        "cache_creation_input_token_cost" => Class::Written,
        "cache_creation_input_token_cost_above_1hr" => Class::Written1h,
        "output_cost_per_reasoning_token" => Class::Reasoning,
        _ => return None,
    };
    Some((class, above, mode))
}

/// Prices of a mode as they are found: what is missing is not decided yet.
#[derive(Default)]
struct Found {
    tiers: std::collections::BTreeMap<u64, [Option<i64>; 6]>,
}

impl Found {
    fn put(&mut self, class: Class, above: u64, rate: i64) {
        if let Some(slot) = self.tiers.entry(above).or_default().get_mut(class as usize) {
            *slot = Some(rate);
        }
    }

    /// Without a price of input there is none; what an answer costs is only free where there is none.
    fn tariff(&self, task: Task) -> Option<Tariff> {
        let free = (task == Task::Embedding).then_some(0);
        let [input, output, cached, written, written_1h, reasoning] = *self.tiers.get(&0)?;
        let (input, output) = (input?, output.or(free)?);
        let base = Rates {
            input,
            output,
            cached,
            written,
            written_1h,
            reasoning,
        };
        let tier = |(above, rates): (&u64, &[Option<i64>; 6])| {
            let [input, output, cached, written, written_1h, reasoning] = *rates;
            let (input, output) = (input.unwrap_or(base.input), output.unwrap_or(base.output));
            (
                *above,
                Rates {
                    input,
                    output,
                    cached,
                    written,
                    written_1h,
                    reasoning,
                },
            )
        };
        let tiers = self.tiers.range(1..).map(tier).collect();
        Some(Tariff { base, tiers })
    }
}

/// Dollars of a token in nano-dollars of a million tokens. Nothing costs less than nothing, or a dollar a token.
fn rate(value: &Value) -> Option<i64> {
    let dollars = value.as_f64()?;
    (0.0..1.0)
        .contains(&dollars)
        .then(|| (dollars * 1e15).round() as i64)
}

impl Entry {
    /// Reads a model as the upstream file has it; None if it is not of a [`Task`].
    pub fn read(fields: &Map<String, Value>) -> Option<Self> {
        let task = serde_json::from_value(fields.get("mode")?.clone()).ok()?;
        let count = |name: &str| fields.get(name).and_then(Value::as_u64).filter(|n| *n > 0);
        let [vision, tools, json_schema, pdf, audio, reasoning] =
            CAPABILITIES.map(|name| fields.get(name).and_then(Value::as_bool).unwrap_or(false));
        Some(Self {
            provider: fields.get("litellm_provider")?.as_str()?.to_owned(),
            task,
            price: price(fields, task),
            max_input: count("max_input_tokens"),
            max_output: count("max_output_tokens"),
            capabilities: Capabilities {
                vision,
                tools,
                json_schema,
                pdf,
                audio,
                reasoning,
            },
        })
    }
}

fn price(fields: &Map<String, Value>, task: Task) -> Option<Price> {
    let (mut standard, mut batch, mut flex, mut priority) = (
        Found::default(),
        Found::default(),
        Found::default(),
        Found::default(),
    );
    for (name, value) in fields {
        if let Some((class, above, mode)) = field(name) {
            let found = match mode {
                Mode::Standard => &mut standard,
                Mode::Batch => &mut batch,
                Mode::Flex => &mut flex,
                Mode::Priority => &mut priority,
            };
            found.put(class, above, rate(value)?);
        }
    }
    // Some models have their tiers as a list of ranges of input tokens.
    for tier in fields
        .get("tiered_pricing")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let above = tier.get("range")?.get(0)?.as_f64()? as u64;
        for (name, value) in tier.as_object()? {
            if let Some((class, 0, Mode::Standard)) = field(name) {
                standard.put(class, above, rate(value)?);
            }
        }
    }
    let per_request = fields
        .get("input_cost_per_request")
        .and_then(Value::as_f64)
        .unwrap_or(0.0);
    Some(Price {
        standard: standard.tariff(task)?,
        batch: batch.tariff(task),
        flex: flex.tariff(task),
        priority: priority.tariff(task),
        per_request: (0.0..=1e6)
            .contains(&per_request)
            .then(|| (per_request * 1e9).round() as i64)?,
    })
}

/// The fields of a model that [`Entry::read`] reads.
pub fn slim(fields: &Map<String, Value>) -> Map<String, Value> {
    let capable =
        |name: &str, value: &Value| CAPABILITIES.contains(&name) && *value == Value::Bool(true);
    let read = |name: &str| OTHERS.contains(&name) || field(name).is_some();
    let kept = fields
        .iter()
        .filter(|(name, value)| capable(name, value) || read(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
