//! `[servers.llm_gateway]` of config.toml.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mock: true,
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
        }
    }
}

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Chat completions, also of every server that is compatible with OpenAI: set `base_url` for those.
    Openai,
    /// OpenAI's responses.
    OpenaiResponses,
    Anthropic,
    Gemini,
    Ollama,
    Cohere,
    Groq,
    Mistral,
    Deepseek,
    Xai,
    Together,
    Fireworks,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: ProviderKind,
    /// Where it is, up to and with the version, e.g. `http://127.0.0.1:8000/v1`; its public address unless given.
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
    /// Seconds of silence after which a request is given up.
    #[serde(default = "two_minutes")]
    pub read_timeout_seconds: u64,
    /// Requests at the same time; further ones wait.
    #[serde(default = "sixty_four")]
    pub max_concurrency: usize,
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
    /// Dollars of a million output tokens.
    #[serde(default)]
    pub output_usd_per_million: Option<f64>,
}

fn ten() -> u64 {
    10
}

fn two_minutes() -> u64 {
    120
}

fn sixty_four() -> usize {
    64
}
