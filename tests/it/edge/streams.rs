//! Streams that are opened and dropped, or not read, leave nothing behind and harm nobody.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Hub, Session, Settings, Sse, client, eventually};

/// A gauge of `/metrics`.
async fn gauge(hub: &Hub, name: &str) -> i64 {
    let request = hub.http.get(format!("{}/metrics", hub.main));
    let response = request.bearer_auth(&hub.admin).send().await.unwrap();
    let text = response.text().await.unwrap();
    let value = text
        .lines()
        .find_map(|l| l.strip_prefix(name))
        .unwrap_or("0");
    value.trim().parse::<f64>().unwrap() as i64
}

fn descriptors(hub: &Hub) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", hub.pid()))
        .unwrap()
        .count()
}

#[tokio::test]
async fn a_thousand_of_each_leave_no_session_task_or_descriptor() {
    let hub = Hub::start().await;
    let base = &hub.own["issues"];
    // A client of its own: its idle connections end with it.
    let http = client();
    let tasks = gauge(&hub, "syndarix_tasks").await;
    let before = descriptors(&hub);
    for _ in 0..20 {
        let streams = (0..50).map(|_| Sse::open(&http, base, &hub.admin));
        let streams = futures::future::join_all(streams).await;
        assert!(gauge(&hub, "syndarix_sse_streams").await >= 50);
        drop(streams);
        let sessions = (0..50).map(|_| async {
            let session = Session::open(&http, base, &hub.admin).await;
            let listening = http
                .get(&session.url)
                .bearer_auth(&hub.admin)
                .header("accept", "text/event-stream")
                .header("mcp-session-id", &session.id);
            let listening = listening.send().await.unwrap();
            assert_eq!(listening.status(), 200);
            let ended = http
                .delete(&session.url)
                .bearer_auth(&hub.admin)
                .header("mcp-session-id", &session.id);
            assert_eq!(ended.send().await.unwrap().status(), 204);
        });
        futures::future::join_all(sessions).await;
    }
    drop(http);
    eventually("all streams and sessions to be gone", || async {
        gauge(&hub, "syndarix_sse_streams").await == 0
            && gauge(&hub, "syndarix_mcp_sessions").await == 0
    })
    .await;
    // The database opens its connections when they are first needed.
    eventually("their tasks and descriptors to be gone", || async {
        let now = (gauge(&hub, "syndarix_tasks").await, descriptors(&hub));
        now.0 <= tasks + 5 && now.1 <= before + 20
    })
    .await;
}

/// Asks for lists until the answers, which nobody reads, fill every buffer on the way.
async fn stall(hub: &Hub, post: impl Fn() -> reqwest::RequestBuilder) -> u16 {
    let started = Instant::now();
    loop {
        let request = post().timeout(Duration::from_secs(20)).send();
        match request.await.map(|response| response.status().as_u16()) {
            Ok(200 | 202) => {}
            Ok(status) => return status,
            Err(_) => return 0,
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{}", hub.log());
    }
}

#[tokio::test]
async fn a_stalled_reader_is_cut_off_and_harms_nobody() {
    let hub = Hub::with(Settings::default().extra("[mcp]\nstall_timeout_s = 2\n")).await;
    let base = &hub.own["issues"];
    // The stream's head is read; then its body is left alone.
    let stream = hub
        .http
        .get(format!("{base}/sse"))
        .bearer_auth(&hub.admin)
        .send();
    let mut stream = stream.await.unwrap();
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    let path = first
        .lines()
        .find_map(|l| l.strip_prefix("data: "))
        .unwrap();
    let messages = format!("{base}{path}");
    let post = |body: String| {
        let request = hub.http.post(&messages).bearer_auth(&hub.admin);
        request
            .header("content-type", "application/json")
            .body(body)
    };
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    assert_eq!(
        post(initialize.to_string()).send().await.unwrap().status(),
        202
    );
    assert_eq!(gauge(&hub, "syndarix_sse_streams").await, 1);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let end = stall(&hub, || post(list.clone())).await;
    assert!(
        [404, 503].contains(&end),
        "cut off, or told to read first: {end}"
    );
    let other = Sse::open(&hub.http, base, &hub.admin).await;
    let started = Instant::now();
    assert!(other.request("tools/list", json!({})).await["result"]["tools"].is_array());
    assert!(started.elapsed() < Duration::from_secs(1), "harms nobody");
    drop(other);
    eventually("the stalled stream to be gone", || async {
        gauge(&hub, "syndarix_sse_streams").await == 0
    })
    .await;
    assert!(hub.log().contains("stopped reading"), "{}", hub.log());
    drop(stream);
}
