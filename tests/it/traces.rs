//! Traces, in a program that was built with them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::support::{Hub, Settings, eventually};

/// A collector: where it is, and what it was sent.
async fn collector() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let spans = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let body = loop {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&request);
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
                if let Some(Ok(document)) = body.map(|b| serde_json::from_str::<Value>(&b)) {
                    assert!(text.starts_with("POST /v1/traces "), "{text}");
                    break document;
                }
                assert!(read > 0, "{text}");
            };
            let sent = body["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
            spans
                .lock()
                .unwrap()
                .extend(sent.as_array().unwrap().clone());
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, taken)
}

#[tokio::test]
async fn calls_are_sent_to_the_collector_under_their_clients_trace() {
    let (address, taken) = collector().await;
    let hub = Hub::with_env(
        Settings::default(),
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)],
    )
    .await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let answer = hub
        .http
        .post(format!("{}/api/v1/issues", hub.main))
        .bearer_auth(&hub.admin)
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .json(&json!({"project_id": "default", "agent_id": "default", "title": "x"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], trace);
    eventually("the span is sent", async || {
        let taken = taken.lock().unwrap();
        taken
            .iter()
            .any(|span| span["traceId"] == trace && span["name"] == "tools/call create_issue")
    })
    .await;
}
