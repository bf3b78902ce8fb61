//! Sessions and streams belong to the token that opened them, are capped, and leave nothing behind.

use serde_json::{Value, json};

use crate::support::{Hub, Session, Settings, Sse, Stateless, eventually, outcome};

#[tokio::test]
async fn anothers_session_answers_like_none() {
    let hub = Hub::start().await;
    let (a, _) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let (b, _) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let base = &hub.own["issues"];
    let mut session = Session::open(&hub.http, base, &a).await;
    let ping = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    session.token.clone_from(&b);
    let stolen = session.post(ping.into()).send().await.unwrap();
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let other = hub
            .http
            .request(method.clone(), &session.url)
            .bearer_auth(&b)
            .header("accept", "text/event-stream")
            .header("last-event-id", "0")
            .header("mcp-session-id", &session.id);
        assert_eq!(other.send().await.unwrap().status(), 404, "{method}");
    }
    session.token.clone_from(&a);
    assert!(
        session.request("ping", json!({})).await["result"].is_object(),
        "nothing of that ended it"
    );
    session.token.clone_from(&b);
    session.id = "made-up".into();
    let unknown = session.post(ping.into()).send().await.unwrap();
    assert_eq!(
        (stolen.status(), unknown.status()),
        (404.try_into().unwrap(), 404.try_into().unwrap())
    );
    assert_eq!(stolen.text().await.unwrap(), unknown.text().await.unwrap());

    let stream = Sse::open(&hub.http, base, &a).await;
    assert_eq!(stream.post(&b, ping.into()).await, 404);
    assert_eq!(stream.post(&a, ping.into()).await, 202);
    let legacy = stream.messages.replace("sessionId", "session_id");
    let posted = hub
        .http
        .post(legacy)
        .bearer_auth(&a)
        .header("content-type", "application/json")
        .body(ping);
    assert_eq!(
        posted.send().await.unwrap().status(),
        202,
        "both spellings are taken"
    );
}

#[tokio::test]
async fn a_session_is_one_on_the_port_and_under_the_prefix() {
    let hub = Hub::start().await;
    let mut session = Session::open(&hub.http, &hub.own["issues"], &hub.admin).await;
    session.url = format!("{}/issues/mcp", hub.main);
    assert!(session.request("tools/list", json!({})).await["result"]["tools"].is_array());
    let ended = hub
        .http
        .delete(&session.url)
        .bearer_auth(&hub.admin)
        .header("mcp-session-id", &session.id);
    assert!(ended.send().await.unwrap().status().is_success());
    assert_eq!(
        session
            .post(r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#.into())
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn sessions_and_streams_are_capped_with_retry_after() {
    let hub = Hub::with(
        Settings::default().extra("[mcp]\nmax_sessions = 3\nmax_sessions_per_token = 2\n"),
    )
    .await;
    let (a, _) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let base = &hub.own["issues"];
    let (_one, _two) = (
        Sse::connect(&hub.http, base, &a).await,
        Sse::connect(&hub.http, base, &a).await,
    );
    let third = hub
        .http
        .get(format!("{base}/sse"))
        .bearer_auth(&a)
        .send()
        .await
        .unwrap();
    assert_eq!(third.status(), 429);
    assert!(third.headers().contains_key("retry-after"));
    let other = Sse::connect(&hub.http, base, &hub.admin).await;
    assert_eq!(
        hub.http
            .get(format!("{base}/sse"))
            .bearer_auth(&hub.admin)
            .send()
            .await
            .unwrap()
            .status(),
        503
    );
    drop(other);
    eventually("the place of a closed stream", || async {
        hub.http
            .get(format!("{base}/sse"))
            .bearer_auth(&hub.admin)
            .send()
            .await
            .unwrap()
            .status()
            == 200
    })
    .await;

    let (_s1, _s2) = (
        Session::open(&hub.http, base, &a).await,
        Session::open(&hub.http, base, &a).await,
    );
    let more = hub
        .http
        .post(format!("{base}/mcp"))
        .bearer_auth(&a)
        .header("accept", "application/json, text/event-stream");
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let more = more
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(more.status(), 429);
    assert!(more.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn the_stateless_era_needs_no_session() {
    let hub = Hub::start().await;
    let client = Stateless {
        http: hub.http.clone(),
        url: format!("{}/mcp", hub.own["issues"]),
        token: hub.admin.clone(),
    };
    let discovered = client.request("server/discover", json!({})).await;
    assert!(
        discovered["result"]["capabilities"]["tools"].is_object(),
        "{discovered}"
    );
    let answer = client
        .post(1, "tools/list", json!({}))
        .send()
        .await
        .unwrap();
    assert!(answer.headers().get("mcp-session-id").is_none());
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/json")
    );
    let mismatch = client
        .post(1, "tools/list", json!({}))
        .header("mcp-method", "tools/call")
        .send()
        .await
        .unwrap();
    assert_eq!(mismatch.status(), 400);
}

#[tokio::test]
async fn a_client_that_tries_streamable_http_at_sse_finds_it() {
    let hub = Hub::start().await;
    let url = format!("{}/sse", hub.own["issues"]);
    let session = Session::open_url(&hub.http, url.clone(), &hub.admin).await;
    let listed = session.request("tools/list", json!({})).await;
    assert!(!listed["result"]["tools"].as_array().unwrap().is_empty());
    let stream = hub.http.get(url).bearer_auth(&hub.admin);
    let stream = stream.header("mcp-session-id", &session.id).send().await;
    assert_eq!(stream.unwrap().status(), 405);
}

#[tokio::test]
async fn a_cursor_belongs_to_the_token_it_was_given_to() {
    let hub = Hub::start().await;
    let (a, _) = hub.token(&["default"], &["default"], &["mcp:write"]).await;
    let (b, _) = hub.token(&["default"], &["default"], &["mcp:write"]).await;
    let base = &hub.own["issues"];
    let ours = Session::open(&hub.http, base, &a).await;
    let theirs = Session::open(&hub.http, base, &b).await;
    let call = async |session: &Session, tool: &str, args: Value| {
        let params = json!({"name": tool, "arguments": args});
        outcome(&session.request("tools/call", params).await)
    };
    for title in ["one", "two"] {
        call(&ours, "create_issue", json!({"title": title}))
            .await
            .unwrap();
    }
    let page = call(&ours, "list_issues", json!({"limit": 1}))
        .await
        .unwrap();
    let next = json!({"limit": 1, "cursor": page["next_cursor"]});
    let stolen = call(&theirs, "list_issues", next.clone())
        .await
        .unwrap_err();
    assert_eq!(stolen.code, "invalid_argument");
    let rest = call(&ours, "list_issues", next).await.unwrap();
    assert_eq!(rest["items"][0]["title"], "one");
}
