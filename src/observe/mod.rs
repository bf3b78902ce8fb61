//! Floor 1: logs and metrics.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

/// `[observe]` of config.toml.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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

/// These log whole requests, upstream error bodies that may echo a key, or every commit.
const QUIET: &str = "rmcp=error,tantivy=warn,sqlx=warn,hyper=info,reqwest=info,genai=off";

/// Starts logging to standard error. A bad filter is an error; starting twice is not.
pub fn start_logging(config: &ObserveConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", config.log))
        .map_err(|e| anyhow::anyhow!("observe.log is not a valid filter: {e}"))?;
    let json = match config.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = if json {
        builder.json().flatten_event(true).finish().try_init()
    } else {
        builder.with_target(false).finish().try_init()
    };
    Ok(())
}

/// Collects metrics. Where a recorder is installed already (several hubs in one test process), a private one is rendered.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let buckets = [
        0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
    ];
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &buckets)?
        .build_recorder();
    let handle = recorder.handle();
    let _first_wins = metrics::set_global_recorder(recorder);
    Ok(handle)
}
