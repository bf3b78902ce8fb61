//! Traces for OpenTelemetry: each call is a span, those that it makes of other servers are its children. They go to a collector by
//! OTLP over HTTP, as JSON, in batches; what the collector does not take in time is dropped, and nobody waits for it.
//!
//! Built in with the feature `otel`, and on where `OTEL_EXPORTER_OTLP_ENDPOINT` says where to. The trace's id is the request's, where that
//! came with a `traceparent` (W3C Trace Context), or else is made of it, so that spans, logs and the audit log are found by each other.

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::base::{clock::Millis, hex::hex};

/// Spans that wait; past it they are dropped.
const BACKLOG: usize = 4096;
/// Spans in one request.
const BATCH: usize = 512;
/// How long a span may wait for company.
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

static SPANS: OnceLock<mpsc::Sender<Span>> = OnceLock::new();

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// The call.
    pub call: String,
    /// The call that made it.
    pub parent: Option<String>,
    /// The request that carried it.
    pub request: Option<String>,
    /// The tool's server, and the tool.
    pub server: String,
    pub tool: String,
    /// The project and the agent.
    pub project: String,
    pub agent: String,
    /// When it began, and how long it took.
    pub started_ms: Millis,
    pub duration_us: i64,
    /// How it ended, and the error's code.
    pub outcome: &'static str,
    pub code: Option<String>,
}

/// Takes a span, if traces are on.
pub fn record(span: impl FnOnce() -> Span) {
    if let Some(spans) = SPANS.get() {
        // A collector that is away costs its spans, and nothing else.
        if spans.try_send(span()).is_err() {
            metrics::counter!("syndarix_spans_lost_total").increment(1);
        }
    }
}

/// Sends spans until `stop` is cancelled, if the environment says where to.
pub async fn send(stop: CancellationToken) {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let Some(base) = variable("OTEL_EXPORTER_OTLP_ENDPOINT") else {
        return;
    };
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = match Client::builder().timeout(PATIENCE).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "traces cannot be sent"),
    };
    let (sender, mut spans) = mpsc::channel(BACKLOG);
    if SPANS.set(sender).is_err() {
        return;
    }
    let url = format!("{}/v1/traces", base.trim_end_matches('/'));
    let service = variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "syndarix".into());
    let headers = headers(&variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default());
    tracing::info!(url, "traces are sent");
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let stopped = stop
            .run_until_cancelled(gather(&mut spans, &mut batch))
            .await;
        if !batch.is_empty() {
            let mut request = client.post(&url).json(&document(&service, &batch));
            for (name, value) in &headers {
                request = request.header(name, value);
            }
            let sent = request
                .send()
                .await
                .and_then(reqwest::Response::error_for_status);
            if let Err(error) = sent {
                metrics::counter!("syndarix_spans_lost_total").increment(batch.len() as u64);
                // Its URL may hold a key.
                tracing::warn!(error = %error.without_url(), "traces were not taken");
            }
            batch.clear();
        }
        if stopped.is_none() {
            return;
        }
    }
}

/// Waits for a span, and then a little for more.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    batch.extend(spans.recv().await);
    let more = async {
        while batch.len() < BATCH {
            match spans.recv().await {
                Some(span) => batch.push(span),
                None => return,
            }
        }
    };
    let _full = tokio::time::timeout(GATHER, more).await;
}

/// `name=value,name=value`, as the specification has it.
fn headers(text: &str) -> HashMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
            (name.trim().to_owned(), value.into_owned())
        })
        .collect()
}

/// An `ExportTraceServiceRequest`.
fn document(service: &str, spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        attribute("service.name", service),
        attribute("service.version", version),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "syndarix", "version": version}, "spans": spans}],
    }]})
}

fn span(span: &Span) -> Value {
    let start = span.started_ms.saturating_mul(1_000_000);
    let end = start.saturating_add(span.duration_us.saturating_mul(1000));
    let mut attributes = vec![
        attribute("mcp.method.name", "tools/call"),
        attribute("gen_ai.tool.name", &span.tool),
        attribute("syndarix.server", &span.server),
        attribute("syndarix.call_id", &span.call),
        attribute("syndarix.project_id", &span.project),
        attribute("syndarix.agent_id", &span.agent),
        attribute("syndarix.outcome", span.outcome),
    ];
    attributes.extend(
        span.code
            .as_deref()
            .map(|code| attribute("error.type", code)),
    );
    // 2 is SERVER, 1 INTERNAL; of a status 2 is ERROR, 0 UNSET.
    let mut value = json!({
        "traceId": trace_id(span.request.as_deref().unwrap_or(&span.call)),
        "spanId": span_id(&span.call),
        "name": format!("tools/call {}", span.tool),
        "kind": if span.parent.is_some() { 1 } else { 2 },
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        "status": {"code": if span.code.is_some() { 2 } else { 0 }},
    });
    if let (Some(parent), Some(map)) = (&span.parent, value.as_object_mut()) {
        map.insert("parentSpanId".into(), span_id(parent).into());
    }
    value
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The request's id itself, if it is a trace's, or else one made of it.
fn trace_id(request: &str) -> String {
    let is_one = request.len() == 32
        && request
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && request.bytes().any(|b| b != b'0');
    if is_one {
        return request.to_owned();
    }
    digest(request, 16)
}

fn span_id(call: &str) -> String {
    digest(call, 8)
}

fn digest(text: &str, bytes: usize) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hex(hash.get(..bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, parent: Option<&str>, request: &str) -> Span {
        Span {
            call: id.into(),
            parent: parent.map(Into::into),
            request: Some(request.into()),
            server: "issues".into(),
            tool: "create_issue".into(),
            project: "p".into(),
            agent: "a".into(),
            started_ms: 1000,
            duration_us: 7,
            outcome: "error",
            code: Some("conflict".into()),
        }
    }

    #[test]
    fn a_call_is_a_span_below_the_one_that_made_it() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let spans = [
            call("call_1", None, trace),
            call("call_2", Some("call_1"), trace),
        ];
        let document = document("hub", &spans);
        let sent = &document["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(sent[0]["traceId"], trace);
        assert_eq!(sent[1]["parentSpanId"], sent[0]["spanId"]);
        assert_eq!(sent[0]["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(sent[0]["startTimeUnixNano"], "1000000000");
        assert_eq!(sent[0]["endTimeUnixNano"], "1000007000");
        assert_eq!((&sent[0]["kind"], &sent[1]["kind"]), (&json!(2), &json!(1)));
        assert_eq!(sent[0]["status"]["code"], 2);
    }

    #[test]
    fn ids_of_other_forms_make_the_same_trace_each_time() {
        assert_eq!(trace_id("req_1"), trace_id("req_1"));
        assert_ne!(trace_id("req_1"), trace_id("req_2"));
        for id in ["req_1", &"0".repeat(32), &"A".repeat(32), ""] {
            let made = trace_id(id);
            assert!(made.len() == 32 && made != id, "{made}");
        }
    }

    #[test]
    fn headers_are_read_as_the_specification_has_them() {
        let read = headers("api-key=a%20b, x = y,,");
        assert_eq!(
            (read.len(), read["api-key"].as_str(), read["x"].as_str()),
            (2, "a b", "y")
        );
    }
}
