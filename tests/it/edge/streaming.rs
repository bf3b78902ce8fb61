//! Text as it comes, and cancellation that stops the work.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Hub, Session, Sse, eventually};

fn chat(content: &str) -> Value {
    json!({"project_id": "default", "agent_id": "default", "model": "mock/echo",
           "messages": [{"role": "user", "content": content}]})
}

#[tokio::test]
async fn deltas_arrive_as_progress_before_the_answer() {
    let hub = Hub::start().await;
    let base = &hub.own["llm_gateway"];
    let params = json!({"name": "chat", "arguments": chat("one two three four"), "_meta": {"progressToken": "p1"}});

    let stream = Sse::open(&hub.http, base, &hub.admin).await;
    let answer = stream.request("tools/call", params.clone()).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let said = stream.notifications.lock().unwrap().clone();
    let text: String = said
        .iter()
        .filter(|n| n["method"] == "notifications/progress")
        .map(|n| n["params"]["message"].as_str().unwrap())
        .collect();
    assert!(text.contains("three"), "{said:?}");
    let progress: Vec<f64> = said
        .iter()
        .filter_map(|n| n["params"]["progress"].as_f64())
        .collect();
    assert!(
        progress.len() > 1 && progress.windows(2).all(|w| w[0] < w[1]),
        "{progress:?}"
    );

    let session = Session::open(&hub.http, base, &hub.admin).await;
    let message = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params});
    let body = session
        .post(message.to_string())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let first = body.find("notifications/progress").unwrap();
    assert!(first < body.find("structuredContent").unwrap(), "{body}");
}

#[tokio::test]
async fn rest_streams_deltas_and_ends_with_the_result() {
    let hub = Hub::start().await;
    let post = |body: Value| {
        let request = hub
            .http
            .post(format!("{}/api/v1/llm/chat", hub.main))
            .bearer_auth(&hub.admin);
        request
            .header("accept", "text/event-stream")
            .json(&body)
            .send()
    };
    let body = post(chat("one two three four"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let events: Vec<&str> = body
        .lines()
        .filter_map(|l| l.strip_prefix("event: "))
        .collect();
    assert!(
        events.first() == Some(&"delta") && events.last() == Some(&"result"),
        "{body}"
    );
    let mut wrong = chat("x");
    wrong["model"] = "no/such-model".into();
    let body = post(wrong).await.unwrap().text().await.unwrap();
    assert!(
        body.contains("event: error") && body.contains("\"code\""),
        "{body}"
    );
}

#[tokio::test]
async fn a_cancelled_call_stops_and_is_audited_as_cancelled() {
    let hub = Hub::start().await;
    let stream =
        std::sync::Arc::new(Sse::open(&hub.http, &hub.own["llm_gateway"], &hub.admin).await);
    let started = Instant::now();
    let caller = std::sync::Arc::clone(&stream);
    let slow = tokio::spawn(async move {
        let params = json!({"name": "chat", "arguments": chat("mock:ttft=20000 never")});
        tokio::time::timeout(Duration::from_secs(3), caller.request("tools/call", params)).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "reason": "enough"}});
    assert_eq!(stream.post(&hub.admin, cancel.to_string()).await, 202);
    eventually("the cancelled call in the audit log", || async {
        hub.audit("tool=chat")
            .await
            .iter()
            .any(|e| e["outcome"] == "cancelled")
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(10));
    let _no_answer_is_due = slow.await.unwrap();
}
