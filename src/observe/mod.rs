//! Floor 1: logs and metrics.

mod metrics;
mod process;
#[cfg(feature = "otel")]
pub mod traces;

use std::{io::IsTerminal, sync::OnceLock};

use anyhow::Context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, fmt, reload, util::SubscriberInitExt};

pub use self::metrics::{Held, keep_metrics, start_metrics};
pub use process::sample;

/// `[observe]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObserveConfig {
    /// What is logged, e.g. `info` or `info,syndarix=debug`.
    pub log: String,
    /// How it is logged.
    pub format: LogFormat,
}

impl Default for ObserveConfig {
    fn default() -> Self {
        Self {
            log: "info".into(),
            format: LogFormat::Auto,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// These log whole requests, clients that went away, upstream error bodies that may echo a key, or every commit.
const QUIET: &str = "rmcp=off,tantivy=warn,sqlx=warn,hyper=info,reqwest=info,genai=off";

type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

/// Changes the filter of the log that this process started.
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// The filter that `config` asks for.
pub fn log_filter(config: &ObserveConfig) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{QUIET},{}", config.log))
        .map_err(|error| anyhow::anyhow!("is not a valid filter: {error}"))
}

/// Starts logging to standard error. A bad filter is an error; starting twice is not.
pub fn start_logging(config: &ObserveConfig) -> anyhow::Result<()> {
    let filter = log_filter(config).context("observe.log")?;
    let json = match config.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    // Complaining of a standard error that is closed would be said there too, and end in a panic.
    let builder = fmt()
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_env_filter(filter);
    let _already_started = if json {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        let _first_wins = SET_FILTER.set(Box::new(move |filter| handle.reload(filter)));
        builder.finish().try_init()
    } else {
        let builder = builder.with_target(false).with_filter_reloading();
        let handle = builder.reload_handle();
        let _first_wins = SET_FILTER.set(Box::new(move |filter| handle.reload(filter)));
        builder.finish().try_init()
    };
    Ok(())
}

/// Logs what `filter` lets through from now on, where [`start_logging`] started the log.
pub fn change_log(filter: EnvFilter) {
    if let Some(Err(error)) = SET_FILTER.get().map(|set| set(filter)) {
        tracing::error!(%error, "the log filter could not be changed");
    }
}
