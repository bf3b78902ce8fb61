//! `[servers.llm_gateway]` of config.toml.

mod route;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use route::{
    Bodies, CacheConfig, CacheMode, CooldownConfig, LimitConfig, LogConfig, RetryConfig,
    RouteConfig, Strategy, TargetConfig, Weighted,
};

pub use super::{
    engine::providers::{ProviderKind, ResponsesMode},
    ledger::config::BudgetConfig,
};

/// Settings of the LLM gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the built-in provider `mock` is there.
    pub mock: bool,
    /// Providers, by the name that models and callers use for them.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Names for models, each with its provider and price.
    pub models: BTreeMap<String, ModelConfig>,
    /// What may be used, by whom, in which time.
    pub budgets: Vec<BudgetConfig>,
    /// Names that stand for several models.
    pub routes: BTreeMap<String, RouteConfig>,
    /// What may be asked for in a minute.
    pub limits: Vec<LimitConfig>,
    /// Whether answers are kept.
    pub cache: CacheConfig,
    /// What is kept of requests.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mock: true,
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
            budgets: Vec::new(),
            routes: BTreeMap::new(),
            limits: Vec::new(),
            cache: CacheConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: ProviderKind,
    /// Where it is, up to and with the version, e.g. `http://127.0.0.1:8000/v1`; without a path `/v1` is meant. The
    /// kind's public address unless given.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Environment variable that holds the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// File that holds the key.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// Seconds to connect.
    #[serde(default = "ten")]
    pub connect_timeout_seconds: u64,
    /// Seconds until an answer begins; one that does not come piece by piece begins when it is whole.
    #[serde(default = "five_minutes")]
    pub first_byte_timeout_seconds: u64,
    /// Seconds of silence in an answer after which it is given up.
    #[serde(default = "two_minutes")]
    pub read_timeout_seconds: u64,
    /// Requests at the same time; further ones go to the next target of their route, or are refused.
    #[serde(default)]
    pub max_concurrency: Option<usize>,
    /// Requests a minute.
    #[serde(default)]
    pub rpm: Option<u32>,
    /// Tokens a minute, of input and output together.
    #[serde(default)]
    pub tpm: Option<u64>,
    /// Whether a name in `base_url` may lead to a private address. Addresses and `localhost` written there may anyway.
    #[serde(default)]
    pub allow_private: bool,
    /// Names of models that can be asked for without the provider's name before them, as patterns: `claude-*`. The well-known
    /// ones of OpenAI, Anthropic and Gemini unless given.
    #[serde(default)]
    pub serves: Option<Vec<String>>,
    /// Whether it speaks OpenAI's responses itself.
    #[serde(default)]
    pub responses: ResponsesMode,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name of a provider in `providers`.
    pub provider: String,
    /// The provider's own name of the model; the name of this section unless given.
    #[serde(default)]
    pub model: Option<String>,
    /// Dollars of a million input tokens. Without prices, costs are unknown.
    #[serde(default)]
    pub input_usd_per_million: Option<f64>,
    /// Dollars of a million input tokens that the provider had in its cache; as input unless given.
    #[serde(default)]
    pub cached_input_usd_per_million: Option<f64>,
    /// Dollars of a million input tokens that the provider puts into its cache; as input unless given.
    #[serde(default)]
    pub cache_write_usd_per_million: Option<f64>,
    /// The same for those it keeps for an hour; as those it keeps for five minutes unless given.
    #[serde(default)]
    pub cache_write_1h_usd_per_million: Option<f64>,
    /// Dollars of a million output tokens.
    #[serde(default)]
    pub output_usd_per_million: Option<f64>,
    /// Dollars of a million output tokens of reasoning; as output unless given.
    #[serde(default)]
    pub reasoning_usd_per_million: Option<f64>,
    /// Most input tokens.
    #[serde(default)]
    pub max_input_tokens: Option<u64>,
    /// Most output tokens.
    #[serde(default)]
    pub max_output_tokens: Option<u64>,
    /// Whether it calls tools. What it cannot do, routes do not send to it.
    #[serde(default)]
    pub tools: Option<bool>,
    /// Whether it sees images.
    #[serde(default)]
    pub images: Option<bool>,
    /// Whether it answers in a given JSON schema.
    #[serde(default)]
    pub structured_output: Option<bool>,
}

fn ten() -> u64 {
    10
}

fn two_minutes() -> u64 {
    120
}

fn five_minutes() -> u64 {
    300
}
