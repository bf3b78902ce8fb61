//! A session of streamable HTTP goes on after a restart of the hub, for its owner alone.

use serde_json::{Value, json};

use crate::support::{Hub, Session, Settings};

const PING: &str = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;

/// The session's address at the hub that has started again, on another port.
fn moved(mut session: Session, hub: &Hub) -> Session {
    session.url = format!("{}/mcp", hub.own["issues"]);
    session
}

async fn status(session: &Session, token: &str, id: &str) -> u16 {
    let request = session
        .http
        .post(&session.url)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-session-id", id)
        .body(PING);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn its_owner_goes_on_and_nobody_else() {
    let mut hub = Hub::start().await;
    let (a, _) = hub.token(&["default"], &["default"], &["mcp:write"]).await;
    let (b, _) = hub.token(&["default"], &["default"], &["mcp:write"]).await;
    let session = Session::open(&hub.http, &hub.own["issues"], &a).await;
    let ended = Session::open(&hub.http, &hub.own["issues"], &a).await;
    let gone = hub
        .http
        .delete(&ended.url)
        .bearer_auth(&a)
        .header("mcp-session-id", &ended.id);
    assert_eq!(gone.send().await.unwrap().status(), 204);
    assert!(hub.terminate().await.1);

    let hub = hub.again().await;
    let session = moved(session, &hub);
    assert_eq!(status(&session, &b, &session.id).await, 404);
    assert_eq!(status(&session, &a, &ended.id).await, 404);
    assert_eq!(status(&session, &a, "made-up").await, 404);
    // Many requests at once find one session.
    let calls = (0..20).map(|_| session.request("tools/list", json!({})));
    for answer in futures::future::join_all(calls).await {
        assert!(answer["result"]["tools"].is_array(), "{answer}");
    }
    let args =
        json!({"project_id": "default", "agent_id": "default", "title": "after the restart"});
    let made = session
        .request(
            "tools/call",
            json!({"name": "create_issue", "arguments": args}),
        )
        .await;
    assert_eq!(made["result"]["isError"], false, "{made}");
    let other = format!("{}/mcp", hub.own["git"]);
    let elsewhere = Session::open(&hub.http, &hub.own["git"], &a).await;
    assert_eq!(elsewhere.url, other);
    assert_eq!(
        status(&elsewhere, &a, &session.id).await,
        404,
        "a session belongs to one endpoint"
    );
    assert_eq!(status(&session, &b, &session.id).await, 404);
    let ended = hub
        .http
        .delete(&session.url)
        .bearer_auth(&a)
        .header("mcp-session-id", &session.id);
    assert_eq!(ended.send().await.unwrap().status(), 204);
    assert_eq!(status(&session, &a, &session.id).await, 404);
}

#[tokio::test]
async fn an_unused_session_ends_and_a_revoked_token_has_none() {
    let hub = Hub::with(Settings::default().extra("[mcp]\nsession_idle_s = 2\n")).await;
    let (a, _) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let (c, c_id) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let unused = Session::open(&hub.http, &hub.own["issues"], &a).await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(status(&unused, &a, &unused.id).await, 404, "in the process");
    let revoked = Session::open(&hub.http, &hub.own["issues"], &c).await;
    let path = format!("/api/v1/tokens/{c_id}");
    assert_eq!(hub.admin("DELETE", &path, Value::Null).await.0, 204);

    let hub = hub.again().await;
    let unused = moved(unused, &hub);
    assert_eq!(
        status(&unused, &a, &unused.id).await,
        404,
        "after a restart"
    );
    let revoked = moved(revoked, &hub);
    assert_eq!(status(&revoked, &c, &revoked.id).await, 401);
}
