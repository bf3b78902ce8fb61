//! `Idempotency-Key`: what is asked for twice is done once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{Hub, Settings, database};

/// An answer: its status, whether it was given before, and its body.
type Answer = (u16, bool, Value);

async fn send(hub: &Hub, token: &str, key: &str, path: &str, body: &str) -> Answer {
    let request = hub.http.post(format!("{}{path}", hub.main));
    let request = request
        .bearer_auth(token)
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .body(body.to_owned());
    read(request).await
}

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let replayed = response.headers().get("idempotency-replayed").is_some();
    let status = response.status().as_u16();
    (
        status,
        replayed,
        response.json().await.unwrap_or(Value::Null),
    )
}

const SNAPSHOTS: &str = "/api/v1/files/snapshots";
const SNAPSHOT: &str = r#"{"project_id":"default","agent_id":"default","label":"x"}"#;

#[tokio::test]
async fn administration_and_tools_answer_as_they_did_also_after_a_restart() {
    let hub = Hub::start().await;
    let admin = hub.admin.clone();
    let wanted = r#"{"name":"t","projects":["*"],"agents":["*"],"scopes":["file_system:write"]}"#;
    let (status, replayed, token) = send(&hub, &admin, "k", "/api/v1/tokens", wanted).await;
    assert_eq!((status, replayed), (201, false), "{token}");
    let secret = token["token"].as_str().unwrap().to_owned();
    let (status, replayed, made) = send(&hub, &secret, "k", SNAPSHOTS, SNAPSHOT).await;
    assert_eq!((status, replayed), (200, false), "{made}");
    let uniform = "/api/v1/servers/file_system/tools/create_snapshot";
    let (status, replayed, another) = send(&hub, &secret, "k", uniform, SNAPSHOT).await;
    assert_eq!(
        (status, replayed),
        (200, false),
        "another path, another key"
    );
    assert_ne!(another["snapshot_id"], made["snapshot_id"]);

    let hub = hub.again().await;
    let again = send(&hub, &admin, "k", "/api/v1/tokens", wanted).await;
    assert_eq!(again, (201, true, token.clone()));
    let again = send(&hub, &secret, "k", SNAPSHOTS, SNAPSHOT).await;
    assert_eq!(again, (200, true, made));
    let other = send(
        &hub,
        &admin,
        "k",
        "/api/v1/tokens",
        &wanted.replace("\"t\"", "\"u\""),
    )
    .await;
    assert_eq!((other.0, other.1), (422, false), "{}", other.2);
    let names = hub.admin("GET", "/api/v1/tokens", Value::Null).await.1;
    let names = names["items"].as_array().unwrap().iter();
    assert_eq!(
        names
            .filter(|t| t["name"] == "t" || t["name"] == "u")
            .count(),
        1
    );
    // A replay is on record as what it is.
    let calls = hub.audit("tool=create_snapshot").await;
    let codes: Vec<&Value> = calls.iter().map(|call| &call["code"]).collect();
    assert_eq!(codes, [&json!("replayed"), &Value::Null, &Value::Null]);
    assert_eq!(hub.audit("tool=repeat_request").await.len(), 1);
    // The token is in no file, and ends with its revocation as ever.
    for file in std::fs::read_dir(hub.data()).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read(&path).unwrap_or_default();
        let found = text
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{}", path.display());
    }
    let path = format!("/api/v1/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(hub.admin("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(send(&hub, &secret, "k", SNAPSHOTS, SNAPSHOT).await.0, 401);
}

#[tokio::test]
async fn whoever_may_not_call_gets_nothing_kept_and_others_have_keys_of_their_own() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let scopes = ["file_system:write"];
    let (ann, _) = hub.token(&["demo"], &["ann"], &scopes).await;
    let (bob, _) = hub.token(&["demo"], &["ann"], &scopes).await;
    let note = r#"{"label":"x"}"#;
    let mine = send(&hub, &ann, "k", SNAPSHOTS, note).await;
    let other = send(&hub, &bob, "k", SNAPSHOTS, note).await;
    assert_eq!((mine.0, other.0, other.1), (200, 200, false));
    assert_ne!(mine.2["snapshot_id"], other.2["snapshot_id"]);
    let (reader, _) = hub.token(&["demo"], &["ann"], &["file_system:read"]).await;
    assert_eq!(send(&hub, &reader, "k", SNAPSHOTS, note).await.0, 403);
    // What an agent that has left was told is not told again.
    let member = "/api/v1/projects/demo/members/ann";
    assert_eq!(hub.admin("DELETE", member, Value::Null).await.0, 204);
    let gone = send(&hub, &ann, "k", SNAPSHOTS, note).await;
    assert_eq!((gone.0, gone.1), (403, false), "{}", gone.2);
    assert_eq!(hub.admin("PUT", member, Value::Null).await.0, 200);
    assert_eq!(
        send(&hub, &ann, "k", SNAPSHOTS, note).await,
        (200, true, mine.2)
    );
}

#[tokio::test]
async fn failures_that_would_stay_are_kept_and_others_may_be_tried_again() {
    let hub = Hub::start().await;
    let admin = hub.admin.clone();
    let restore = "/api/v1/files/trash/none/restore";
    let scope = r#"{"project_id":"default","agent_id":"default"}"#;
    let missing = send(&hub, &admin, "k", restore, scope).await;
    let again = send(&hub, &admin, "k", restore, scope).await;
    assert!((400..500).contains(&missing.0) && !missing.1, "{missing:?}");
    assert_eq!(again, (missing.0, true, missing.2));
    // A conflict may be gone the next time.
    let project = r#"{"id":"default"}"#;
    for _ in 0..2 {
        let taken = send(&hub, &admin, "k", "/api/v1/projects", project).await;
        assert_eq!((taken.0, taken.1), (409, false), "{}", taken.2);
    }
    // Keys that are none are named; who only reads needs none.
    for bad in ["", &"x".repeat(256), "a\tb"] {
        for (path, body) in [(SNAPSHOTS, SNAPSHOT), ("/api/v1/projects", r#"{"id":"x"}"#)] {
            let refused = send(&hub, &admin, bad, path, body).await;
            assert_eq!(refused.0, 422, "{bad:?} {path}");
            assert!(
                refused.2["detail"]
                    .as_str()
                    .unwrap()
                    .contains("Idempotency-Key")
            );
        }
        let read = "/api/v1/servers/file_system/tools/list_snapshots";
        assert_eq!(send(&hub, &admin, bad, read, scope).await.0, 200, "{bad:?}");
    }
}

#[tokio::test]
async fn a_call_that_runs_is_not_begun_again_and_a_stream_is_answered_with_its_end() {
    let hub = Hub::start().await;
    let request = |key: &str, accept: &str| {
        let url = format!("{}{SNAPSHOTS}", hub.main);
        let request = hub.http.post(url).bearer_auth(&hub.admin);
        let request = request
            .header("idempotency-key", key)
            .header("accept", accept);
        request
            .header("content-type", "application/json")
            .body(SNAPSHOT)
    };
    // Many at once: one does it, and the others are told to wait, or what it answered.
    let tries = (0..12).map(|_| read(request("many", "application/json")));
    let answers = futures::future::join_all(tries).await;
    let done: Vec<&Answer> = answers
        .iter()
        .filter(|(status, ..)| *status == 200)
        .collect();
    assert_eq!(done.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
    assert!(
        answers
            .iter()
            .all(|(status, ..)| [200, 409].contains(status)),
        "{answers:?}"
    );
    assert!(done.iter().all(|answer| answer.2 == done[0].2));
    assert_eq!(
        hub.audit("tool=create_snapshot")
            .await
            .iter()
            .filter(|call| call["code"] != "replayed")
            .count(),
        1
    );

    let stream = async || {
        let response = request("stream", "text/event-stream").send().await.unwrap();
        let replayed = response.headers().get("idempotency-replayed").is_some();
        let text = response.text().await.unwrap();
        let data = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data: "));
        let data: Value = serde_json::from_str(data.unwrap()).unwrap();
        (replayed, text.contains("event: result"), data)
    };
    let (replayed, is_result, first) = stream().await;
    assert!(!replayed && is_result, "{first}");
    assert_eq!(stream().await, (true, true, first.clone()));
    assert_eq!(
        read(request("stream", "application/json")).await,
        (200, true, first)
    );
}

#[tokio::test]
async fn a_client_that_goes_away_finds_the_answer_when_it_comes_back() {
    let hub = Hub::start().await;
    let address = hub.main.trim_start_matches("http://").to_owned();
    for n in 0..20 {
        let token = &hub.admin;
        let length = SNAPSHOT.len();
        let request = format!(
            "POST {SNAPSHOTS} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k{n}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{SNAPSHOT}"
        );
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(n % 5)).await;
        drop(stream);
    }
    for n in 0..20 {
        let key = format!("k{n}");
        crate::support::eventually("an answer", async || {
            let (status, ..) = send(&hub, &hub.admin, &key, SNAPSHOTS, SNAPSHOT).await;
            status == 200
        })
        .await;
    }
    let calls = hub.audit("tool=create_snapshot").await;
    let made: Vec<&Value> = calls
        .iter()
        .filter(|call| call["code"] != "replayed")
        .collect();
    assert_eq!(made.len(), 20);
    assert!(made.iter().all(|call| call["outcome"] == "ok"), "{made:?}");
}

#[tokio::test]
async fn two_hubs_on_one_postgresql_do_it_once() {
    let Some(url) = database("syndarix_idempotency_hubs").await else {
        return;
    };
    let settings = Settings::default().extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    let wanted = r#"{"name":"t","projects":["*"],"agents":["*"],"scopes":["mcp:read"]}"#;
    let tries = (0..10).map(|n| {
        let hub = if n % 2 == 0 { &one } else { &other };
        send(hub, &one.admin, "k", "/api/v1/tokens", wanted)
    });
    let answers = futures::future::join_all(tries).await;
    assert!(
        answers
            .iter()
            .all(|(status, ..)| [201, 409].contains(status)),
        "{answers:?}"
    );
    let again = send(&other, &one.admin, "k", "/api/v1/tokens", wanted).await;
    assert_eq!((again.0, again.1), (201, true));
    let made = one.admin("GET", "/api/v1/tokens", Value::Null).await.1;
    let made = made["items"].as_array().unwrap().iter();
    assert_eq!(made.filter(|token| token["name"] == "t").count(), 1);
}
