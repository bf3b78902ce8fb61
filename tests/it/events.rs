//! What changes in a project can be followed, by those who may read it, wherever it happens.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use super::support::{Hub, Settings, database};

/// A stream of events.
struct Followed {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>>>>,
    text: String,
}

impl Followed {
    async fn open(hub: &Hub, token: &str, query: &str, last: Option<i64>) -> Self {
        let url = format!("{}/api/v1/projects/demo/events{query}", hub.main);
        let mut request = hub
            .http
            .get(url)
            .bearer_auth(token)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            body: Box::pin(response.bytes_stream()),
            text: String::new(),
        }
    }

    /// The next event's name, id and data; nothing at the end of the stream.
    async fn next(&mut self) -> Option<(String, i64, Value)> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = frame.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                let event = field("event:").map(|name| {
                    let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
                    (name, field("id:").unwrap().parse().unwrap(), data)
                });
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    // A comment: the stream is alive.
                    None => continue,
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(20), self.body.next());
            let piece = piece.await.expect("an event in time")?.ok()?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The path and tool of the next change.
    async fn change(&mut self) -> (String, String, i64) {
        let (name, id, data) = self.next().await.expect("the stream goes on");
        assert_eq!(
            (name.as_str(), &data["id"]),
            ("change", &json!(id)),
            "{data}"
        );
        let text = |field: &str| data[field].as_str().unwrap().to_owned();
        (text("path"), text("action"), id)
    }
}

async fn call(hub: &Hub, agent: &str, server: &str, tool: &str, mut args: Value) -> Value {
    args["project_id"] = "demo".into();
    args["agent_id"] = agent.into();
    let path = format!("/api/v1/servers/{server}/tools/{tool}");
    let (status, answer) = hub.admin("POST", &path, args).await;
    assert!(status < 300, "{tool}: {answer}");
    answer
}

async fn issue(hub: &Hub, agent: &str, title: &str) {
    call(
        hub,
        agent,
        "issues",
        "create_issue",
        json!({"title": title}),
    )
    .await;
}

fn told(path: &str, action: &str) -> (String, String) {
    (path.to_owned(), action.to_owned())
}

#[tokio::test]
async fn changes_are_followed_gone_on_with_and_seen_by_those_who_may() {
    let mut hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    let mut all = Followed::open(&hub, &hub.admin, "", None).await;
    let (name, begin, _) = all.next().await.unwrap();
    assert_eq!(name, "open");
    let (bea, id) = hub.token(&["demo"], &["bea"], &["mcp:read"]).await;
    let mut seen = Followed::open(&hub, &bea, "", None).await;
    seen.next().await.unwrap();
    let mut first = Followed::open(
        &hub,
        &hub.admin,
        "?path=issues/1&action=add_issue_comment",
        None,
    )
    .await;
    first.next().await.unwrap();

    issue(&hub, "ann", "one").await;
    let write = json!({"path": "a.txt", "content": "a"});
    call(&hub, "ann", "file_system", "write_file", write).await;
    call(
        &hub,
        "bea",
        "issues",
        "add_issue_comment",
        json!({"number": 1, "body": "yes"}),
    )
    .await;
    issue(&hub, "ann", "two").await;
    let mut ids = Vec::new();
    for (path, action) in [
        ("issues/1", "create_issue"),
        ("files/a.txt", "write_file"),
        ("git", "write_file"),
        ("issues/1", "add_issue_comment"),
        ("issues/2", "create_issue"),
    ] {
        let (at, by, id) = all.change().await;
        assert_eq!((at, by), told(path, action));
        ids.push(id);
    }
    assert!(ids.is_sorted() && ids[0] > begin, "{begin} {ids:?}");
    // Not what lies in another agent's workspace.
    for (path, action) in [
        ("issues/1", "create_issue"),
        ("issues/1", "add_issue_comment"),
        ("issues/2", "create_issue"),
    ] {
        let (at, by, _) = seen.change().await;
        assert_eq!((at, by), told(path, action));
    }
    let (at, by, id_of_comment) = first.change().await;
    assert_eq!((at, by), told("issues/1", "add_issue_comment"));
    assert_eq!(id_of_comment, ids[3]);

    // A killed hub keeps what it told; a reader goes on behind what it has.
    hub.kill();
    hub = hub.again().await;
    let mut later = Followed::open(&hub, &hub.admin, "?server=issues", Some(ids[0])).await;
    later.next().await.unwrap();
    assert_eq!(later.change().await.2, ids[3]);
    assert_eq!(later.change().await.2, ids[4]);
    // The same as pages.
    let path =
        |after: i64| format!("/api/v1/projects/demo/events?server=issues&limit=2&after={after}");
    let (status, page) = hub.admin("GET", &path(0), Value::Null).await;
    assert_eq!(
        (status, page["items"].as_array().unwrap().len()),
        (200, 2),
        "{page}"
    );
    assert_eq!(page["items"][0]["agent_id"], "ann");
    let (_, page) = hub
        .admin(
            "GET",
            &path(page["next_after"].as_i64().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(page["items"][0]["path"], "issues/2", "{page}");
    let (_, none) = hub
        .admin(
            "GET",
            &path(page["next_after"].as_i64().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(none["items"], json!([]));
    // An id that was never given: the database was set back.
    let mut lost = Followed::open(&hub, &hub.admin, "", Some(i64::MAX)).await;
    assert_eq!(lost.next().await.unwrap().0, "missed");

    // A revoked token's stream ends, at the next event at the latest.
    let mut seen = Followed::open(&hub, &bea, "", None).await;
    seen.next().await.unwrap();
    let (status, _) = hub
        .admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null)
        .await;
    assert_eq!(status, 204);
    issue(&hub, "ann", "three").await;
    assert_eq!(seen.next().await, None);
    let (took, _) = hub.terminate().await;
    assert!(
        took < Duration::from_secs(5),
        "an open stream held the hub for {took:?}"
    );
}

#[tokio::test]
async fn what_must_not_be_followed_answers_like_what_is_not_there() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    hub.project("other", &["eve"]).await;
    let (eve, _) = hub.token(&["other"], &["eve"], &["mcp:read"]).await;
    let (stranger, _) = hub.token(&["*"], &["eve"], &["mcp:read"]).await;
    let ask = async |token: &str, project: &str| {
        let path = format!("/api/v1/projects/{project}/events");
        let (status, mut body) = hub.request(token, "GET", &path, Value::Null).await;
        body.as_object_mut().unwrap().remove("request_id");
        (status, body)
    };
    let missing = ask(&eve, "nowhere").await;
    assert_eq!(missing.0, 403);
    assert_eq!(ask(&eve, "demo").await, missing);
    assert_eq!(ask(&stranger, "demo").await, missing);
    assert_eq!(ask(&stranger, "No Name").await, missing);
    assert_eq!(ask(&eve, "other").await.0, 200);
    let entries = hub.audit("tool=list_events&outcome=refused").await;
    assert_eq!(entries.len(), 4, "{entries:?}");
    for (query, field) in [
        ("?limit=0", "/limit"),
        ("?after=x", "/after"),
        ("?odd=1", ""),
    ] {
        let path = format!("/api/v1/projects/demo/events{query}");
        let (status, body) = hub.admin("GET", &path, Value::Null).await;
        assert_eq!(
            (status, &body["errors"][0]["pointer"]),
            (422, &json!(field)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_event_on_one_hub_reaches_a_subscriber_of_the_other() {
    let Some(url) = database("syndarix_events").await else {
        return;
    };
    let database = format!("[database]\nurl = \"{url}\"\n");
    let one = Hub::with(Settings::default().extra(&database)).await;
    let other = one.beside().await;
    one.project("demo", &["ann"]).await;
    let mut stream = Followed::open(&other, &other.admin, "", None).await;
    stream.next().await.unwrap();
    for n in 1..=5 {
        issue(&one, "ann", "here").await;
        let heard = tokio::time::timeout(Duration::from_secs(1), stream.change());
        let (path, ..) = heard.await.expect("within a second");
        assert_eq!(path, format!("issues/{n}"));
    }
    // Both tell at the same time: everything comes, once and in order.
    let tell = async |hub: &Hub| {
        for _ in 0..20 {
            issue(hub, "ann", "both").await;
        }
    };
    tokio::join!(tell(&one), tell(&other));
    let (mut last, mut paths) = (0, Vec::new());
    for _ in 0..40 {
        let (path, _, id) = stream.change().await;
        assert!(id > last);
        (last, _) = (id, paths.push(path));
    }
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 40);
}
