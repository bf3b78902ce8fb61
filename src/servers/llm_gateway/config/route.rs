//! `[servers.llm_gateway.routes.<name>]`, and limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name that stands for several models: when one fails, the next answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Models, each by its name in `models` or as `provider/model`.
    pub targets: Vec<TargetConfig>,
    /// Who is asked first.
    #[serde(default)]
    pub strategy: Strategy,
    /// How often it is tried.
    #[serde(default)]
    pub retry: RetryConfig,
    /// When a target is left alone.
    #[serde(default)]
    pub cooldown: CooldownConfig,
}

/// A target: its name, or `{ model = "…", weight = 3 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TargetConfig {
    /// The name alone; its weight is 1.
    Name(String),
    /// With its share of the requests, for `strategy = "weighted"`.
    Weighted(Weighted),
}

/// A target with its share of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// Its name.
    pub model: String,
    /// Its share, against the sum of all.
    pub weight: u32,
}

impl TargetConfig {
    /// The model's name.
    pub fn model(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Weighted(weighted) => &weighted.model,
        }
    }

    /// Its share.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Name(_) => 1,
            Self::Weighted(weighted) => weighted.weight,
        }
    }
}

/// Who of a route's targets is asked first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The first in the list.
    #[default]
    Priority,
    /// One drawn by its weight.
    Weighted,
    /// The one that begins to answer soonest; those not asked yet come first.
    Latency,
}

/// How often a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Times that every target is tried, the first included.
    pub rounds: u32,
    /// Milliseconds before the second round, doubled for each further one; a random share of it is waited.
    pub base_ms: u64,
    /// Longest wait before a round in milliseconds. A provider that asks for more is not waited for.
    pub max_wait_ms: u64,
    /// Seconds after which nothing more is tried.
    pub deadline_seconds: u64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            rounds: 2,
            base_ms: 250,
            max_wait_ms: 2000,
            deadline_seconds: 600,
        }
    }
}

/// When a target is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CooldownConfig {
    /// Failures in a row.
    pub failures: u32,
    /// Seconds, the first time. A provider's own `retry-after` goes before.
    pub seconds: u64,
}

impl Default for CooldownConfig {
    fn default() -> Self {
        Self {
            failures: 3,
            seconds: 30,
        }
    }
}

/// `[[servers.llm_gateway.limits]]`: what a project, an agent or a token may ask for in a minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// Project; `*` is each on its own. Left out, the limit does not tell projects apart.
    pub project: Option<String>,
    /// Agent; `*` is each on its own.
    pub agent: Option<String>,
    /// Token id; `*` is each on its own.
    pub token: Option<String>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, of input and output together.
    pub tpm: Option<u64>,
    /// Requests at the same time.
    pub max_concurrency: Option<usize>,
}

/// `[servers.llm_gateway.cache]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// `off`, or `exact`: the same call of the same project gets the same answer.
    pub mode: CacheMode,
    /// Seconds that an answer is kept.
    pub ttl_s: u64,
    /// Megabytes of answers that are kept.
    pub max_mb: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            mode: CacheMode::Off,
            ttl_s: 3600,
            max_mb: 64,
        }
    }
}

/// Whether answers are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// No answer is kept, nor taken from the cache.
    #[default]
    Off,
    /// The same call of the same project gets the same answer.
    Exact,
}

/// `[servers.llm_gateway.log]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Whether requests and answers are kept with the log.
    pub bodies: Bodies,
    /// Days that requests are kept; their sums stay. 0 for ever.
    pub retention_days: u32,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            bodies: Bodies::Off,
            retention_days: 90,
        }
    }
}

/// Whether requests and answers are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bodies {
    /// Not at all.
    #[default]
    Off,
    /// With what looks like a secret taken out.
    Redacted,
    /// As they are.
    Full,
}
