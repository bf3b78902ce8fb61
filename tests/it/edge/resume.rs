//! A client that loses its connection asks for the rest with `Last-Event-ID`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Hub, Session};

/// A chat whose answer takes `wait` to begin; and the id of its stream's first event, after which the client goes away.
async fn leave(session: &Session, wait: Duration) -> String {
    let content = format!("mock:ttft={} one two three", wait.as_millis());
    let arguments = json!({"project_id": "default", "agent_id": "default", "model": "mock/echo",
                           "messages": [{"role": "user", "content": content}]});
    let params = json!({"name": "chat", "arguments": arguments, "_meta": {"progressToken": "p"}});
    let message = json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params});
    let mut response = session.post(message.to_string()).send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    let id = first.lines().find_map(|l| l.strip_prefix("id: ")).unwrap();
    id.to_owned()
}

/// What the stream that `GET` opens says until it ends.
async fn rest(hub: &Hub, session: &Session, token: &str, last: &str) -> (u16, String) {
    let request = hub
        .http
        .get(&session.url)
        .bearer_auth(token)
        .header("accept", "text/event-stream")
        .header("mcp-session-id", &session.id)
        .header("last-event-id", last);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

fn answer(events: &str) -> Option<Value> {
    let data = events.lines().filter_map(|l| l.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .find(|message| message["id"] == 77)
}

#[tokio::test]
async fn the_rest_of_an_answer_is_the_owners() {
    let hub = Hub::start().await;
    let scopes = ["mcp:write"];
    let (a, _) = hub.token(&["default"], &["default"], &scopes).await;
    let (b, _) = hub.token(&["default"], &["default"], &scopes).await;
    let session = Session::open(&hub.http, &hub.own["llm_gateway"], &a).await;

    let last = leave(&session, Duration::from_millis(1500)).await;
    assert_eq!(rest(&hub, &session, &b, &last).await.0, 404);
    let (status, events) = rest(&hub, &session, &a, &last).await;
    assert_eq!(status, 200);
    let found = answer(&events).unwrap_or_else(|| panic!("no answer in {events}"));
    assert_eq!(found["result"]["isError"], false, "{found}");
    assert!(events.contains("notifications/progress"), "{events}");
}

#[tokio::test]
async fn an_answer_that_came_while_the_client_was_away_waits_for_it() {
    let hub = Hub::start().await;
    let session = Session::open(&hub.http, &hub.own["llm_gateway"], &hub.admin).await;
    let last = leave(&session, Duration::from_millis(300)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for _ in 0..2 {
        let (_, events) = rest(&hub, &session, &hub.admin, &last).await;
        assert!(answer(&events).is_some(), "{events}");
    }
    let ids = rest(&hub, &session, &hub.admin, &last).await.1;
    let mut newest_first = ids.lines().rev().filter_map(|l| l.strip_prefix("id: "));
    let newest = newest_first.next();
    let (status, nothing) = rest(&hub, &session, &hub.admin, newest.unwrap()).await;
    assert_eq!((status, answer(&nothing)), (200, None), "said once only");
}
