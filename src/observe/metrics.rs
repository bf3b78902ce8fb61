//! What `/metrics` tells. Labels have few values, all of them the hub's own words: never a project, an agent, a token or a path.

use std::time::Duration;

use metrics::{Gauge, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Collects metrics. Where a recorder is installed already (several hubs in one test process), a private one is rendered.
pub fn start_metrics(database: &'static str) -> Result<PrometheusHandle, BuildError> {
    let buckets = [
        0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
    ];
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &buckets)?
        .build_recorder();
    let handle = recorder.handle();
    let _first_wins = metrics::set_global_recorder(recorder);
    describe();
    gauge!("syndarix_build_info", "version" => env!("CARGO_PKG_VERSION"), "database" => database)
        .set(1.0);
    Ok(handle)
}

/// Says what each is. Those without labels are there from the start: a rule that watches one must not take it for missing.
fn describe() {
    describe_counter!(
        "syndarix_calls_total",
        "Calls that have ended, by server, tool and outcome."
    );
    describe_counter!(
        "syndarix_http_requests_total",
        "Requests that were answered, on all ports, by method and status."
    );
    describe_gauge!(
        "syndarix_build_info",
        "1; its labels say which hub this is."
    );
    describe_gauge!("syndarix_calls_running", "Calls that run, by server.");
    describe_gauge!(
        "syndarix_db_connections",
        "Pooled connections to the database: those in use, and those that are open."
    );
    describe_gauge!(
        "syndarix_journal_waiting",
        "Rows of a journal that are not in the database yet, by journal."
    );
    describe_histogram!(
        "syndarix_call_seconds",
        Unit::Seconds,
        "How long calls took, by server."
    );
    describe_histogram!(
        "syndarix_db_commit_seconds",
        Unit::Seconds,
        "How long commits of the embedded database took."
    );
    describe_counter!(
        "syndarix_webhook_deliveries_total",
        "Attempts to deliver an event to a webhook, by what came of them."
    );
    for outcome in ["delivered", "retry", "failed", "gone"] {
        counter!("syndarix_webhook_deliveries_total", "outcome" => outcome).increment(0);
    }
    for (name, about) in COUNTERS {
        describe_counter!(name, about);
        counter!(name).increment(0);
    }
    for (name, about) in GAUGES {
        describe_gauge!(name, about);
        gauge!(name).increment(0.0);
    }
}

/// Counters without labels.
const COUNTERS: [(&str, &str); 4] = [
    (
        "syndarix_requests_shed_total",
        "Requests that were turned away because the hub was busy.",
    ),
    (
        "syndarix_audit_lost_total",
        "Audit entries that could not be taken, for their journal could not be written.",
    ),
    (
        "syndarix_spans_lost_total",
        "Spans of traces that the collector did not take, or not in time.",
    ),
    (
        "process_cpu_seconds_total",
        "Processor time that the hub has used.",
    ),
];

/// Gauges without labels.
const GAUGES: [(&str, &str); 14] = [
    ("syndarix_mcp_sessions", "Open MCP sessions."),
    ("syndarix_sse_streams", "Open streams of HTTP+SSE."),
    ("syndarix_tasks", "Tasks of the runtime."),
    (
        "syndarix_db_writes_waiting",
        "Writes that wait for the embedded database's one writer.",
    ),
    (
        "syndarix_blocking_running",
        "Threads that work on git, search or parsing.",
    ),
    (
        "syndarix_blocking_waiting",
        "Calls that wait for such a thread.",
    ),
    ("syndarix_workflow_runs_running", "Workflow runs at work."),
    ("syndarix_workflow_runs_waiting", "Workflow runs that wait."),
    (
        "process_open_fds",
        "Files, sockets and pipes that are open.",
    ),
    ("process_max_fds", "How many may be open."),
    ("process_threads", "Threads."),
    (
        "process_start_time_seconds",
        "When the hub started, in seconds since the Unix epoch.",
    ),
    ("process_resident_memory_bytes", "Memory in use, in bytes."),
    (
        "process_virtual_memory_bytes",
        "Addresses in use, in bytes.",
    ),
];

/// One more of what a gauge counts, for as long as this lives.
pub struct Held(Gauge);

impl Held {
    /// Counts one on the gauge `name`.
    pub fn on(name: &'static str) -> Self {
        let gauge = gauge!(name);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// How often the samples of histograms are gathered into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Gathers samples until `stop` is cancelled: without it, each call would take memory until `/metrics` is asked for.
pub async fn keep_metrics(metrics: PrometheusHandle, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP))
        .await
        .is_some()
    {
        metrics.run_upkeep();
    }
}
