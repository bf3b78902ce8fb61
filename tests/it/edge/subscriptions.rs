//! Whoever subscribed is told of changes, and of nothing else.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::{Hub, Session, Settings, Sse, Stateless, database, eventually};

fn call(tool: &str, agent: &str, mut args: Value) -> Value {
    args["project_id"] = "demo".into();
    args["agent_id"] = agent.into();
    json!({"name": tool, "arguments": args})
}

fn updates(stream: &Sse) -> Vec<String> {
    let said = stream.notifications.lock().unwrap();
    said.iter()
        .filter(|n| n["method"] == "notifications/resources/updated")
        .map(|n| n["params"]["uri"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_session_hears_of_issues_files_and_runs() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    hub.project("other", &["eve"]).await;
    let stream = Sse::open(&hub.http, &hub.main, &hub.admin).await;
    let worker = Session::open(&hub.http, &hub.main, &hub.admin).await;
    let ok = async |tool: &str, agent: &str, args: Value| {
        let answer = worker.request("tools/call", call(tool, agent, args)).await;
        assert_eq!(answer["result"]["isError"], false, "{tool}: {answer}");
    };
    ok("create_issue", "ann", json!({"title": "one"})).await;
    ok(
        "write_file",
        "ann",
        json!({"path": "a.txt", "content": "1"}),
    )
    .await;
    for uri in [
        "project://demo/issues/1",
        "project://demo/files/a.txt?agent_id=ann",
        "project://demo/runs",
    ] {
        let done = stream
            .request("resources/subscribe", json!({"uri": uri}))
            .await;
        assert!(done.get("error").is_none(), "{done}");
    }
    for (agent, tool, args, expected) in [
        (
            "bea",
            "add_issue_comment",
            json!({"number": 1, "body": "hm"}),
            Some("project://demo/issues/1"),
        ),
        (
            "ann",
            "write_file",
            json!({"path": "a.txt", "content": "2", "mode": "overwrite"}),
            Some("project://demo/files/a.txt?agent_id=ann"),
        ),
        (
            "bea",
            "run_workflow",
            json!({"inline": "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: true\n", "wait_ms": 20000}),
            Some("project://demo/runs"),
        ),
        (
            "bea",
            "write_file",
            json!({"path": "a.txt", "content": "3"}),
            None,
        ),
        ("bea", "create_issue", json!({"title": "two"}), None),
    ] {
        stream.notifications.lock().unwrap().clear();
        ok(tool, agent, args).await;
        match expected {
            Some(uri) => {
                eventually("the update", || async {
                    updates(&stream).iter().any(|u| u == uri)
                })
                .await;
                assert!(updates(&stream).iter().all(|u| u == uri), "{tool}");
            }
            None => {
                tokio::time::sleep(Duration::from_millis(150)).await;
                assert_eq!(updates(&stream), [""; 0], "{tool}");
            }
        }
    }
    stream.notifications.lock().unwrap().clear();
    let uri = json!({"uri": "project://demo/issues/1"});
    stream.request("resources/unsubscribe", uri).await;
    ok(
        "add_issue_comment",
        "ann",
        json!({"number": 1, "body": "ho"}),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(updates(&stream), [""; 0]);
}

#[tokio::test]
async fn nobody_subscribes_to_what_it_may_not_read() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    hub.project("other", &["eve"]).await;
    let (ours, id) = hub.token(&["demo"], &["ann"], &["mcp:write"]).await;
    let stream = Sse::open(&hub.http, &hub.main, &ours).await;
    for uri in ["project://other/issues", "project://nowhere/issues"] {
        let refused = stream
            .request("resources/subscribe", json!({"uri": uri}))
            .await;
        assert_eq!(refused["error"]["code"], -32002, "{refused}");
    }
    let done = stream
        .request(
            "resources/subscribe",
            json!({"uri": "project://demo/issues"}),
        )
        .await;
    assert!(done.get("error").is_none(), "{done}");
    let path = format!("/api/v1/tokens/{id}");
    assert!(hub.admin("DELETE", &path, Value::Null).await.0 < 300);
    let worker = Session::open(&hub.http, &hub.main, &hub.admin).await;
    worker
        .request(
            "tools/call",
            call("create_issue", "ann", json!({"title": "x"})),
        )
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(updates(&stream), [""; 0], "the token was revoked");
}

#[tokio::test]
async fn a_listening_stream_of_2026_hears_too() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let modern = Stateless {
        http: hub.http.clone(),
        url: format!("{}/mcp", hub.own["issues"]),
        token: hub.admin.clone(),
    };
    let wanted = json!({"notifications": {"resourceSubscriptions": ["project://demo/issues"]}});
    let response = modern
        .post(7, "subscriptions/listen", wanted)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    let mut seen = String::new();
    let mut until = async |what: &str| {
        while !seen.contains(what) {
            let chunk = tokio::time::timeout(Duration::from_secs(10), body.next()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{what} in {seen}"));
            seen.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        }
    };
    until("notifications/subscriptions/acknowledged").await;
    // The acknowledgement comes before the hub has looked whether the resource is there.
    eventually("the hub listens", || async {
        !hub.audit("tool=list_issues").await.is_empty()
    })
    .await;
    modern
        .request(
            "tools/call",
            call("create_issue", "ann", json!({"title": "x"})),
        )
        .await;
    until("notifications/resources/updated").await;
    assert!(seen.contains("project://demo/issues"), "{seen}");
}

#[tokio::test]
async fn what_happens_on_one_hub_is_told_on_the_other() {
    let Some(url) = database("syndarix_subscribed").await else {
        return;
    };
    let settings = Settings::default().extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    one.project("demo", &["ann"]).await;
    let worker = Session::open(&one.http, &one.main, &one.admin).await;
    let change = async |tool: &str, args: Value| {
        let answer = worker.request("tools/call", call(tool, "ann", args)).await;
        assert_eq!(answer["result"]["isError"], false, "{tool}: {answer}");
    };
    let stream = Sse::open(&other.http, &other.main, &other.admin).await;
    let subscribe = async |uri: &str| {
        let subscribed = stream
            .request("resources/subscribe", json!({"uri": uri}))
            .await;
        assert!(subscribed.get("error").is_none(), "{subscribed}");
    };
    let (all, uri) = ("project://demo/issues", "project://demo/issues/2");
    subscribe(all).await;
    for (told, title) in [(1, "one"), (2, "two")] {
        change("create_issue", json!({"title": title})).await;
        // Who subscribes before the other hub heard of an issue's creation is told of that too.
        eventually("the creation", || async { updates(&stream).len() == told }).await;
    }
    subscribe(uri).await;
    change(
        "add_issue_comment",
        json!({"number": 1, "body": "not asked for"}),
    )
    .await;
    change(
        "add_issue_comment",
        json!({"number": 2, "body": "asked for"}),
    )
    .await;
    eventually("the news", || async {
        updates(&stream).iter().any(|told| told == uri)
    })
    .await;
    let news = updates(&stream).into_iter().filter(|told| told != all);
    assert_eq!(news.collect::<Vec<_>>(), [uri]);
}
