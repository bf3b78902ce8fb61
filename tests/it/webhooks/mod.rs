//! Webhooks: events arrive signed, again where they failed, and at no address where only the hub can go.

mod administration;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Hub, Posted, Receiver, Settings, database, eventually};

const WEBHOOKS: &str = "/api/v1/projects/demo/webhooks";

/// Settings of a hub that may send to `receivers`, and tries again after a second.
fn settings(receivers: &[&Receiver]) -> Settings {
    let allowed: Vec<&str> = receivers.iter().map(|one| one.at.as_str()).collect();
    let lines = format!("[webhooks]\nallowed_private = {allowed:?}\nretry_s = [1, 1, 600]\n");
    Settings::default().extra(&lines)
}

async fn hub(receivers: &[&Receiver]) -> Hub {
    let hub = Hub::with(settings(receivers)).await;
    hub.project("demo", &["ann"]).await;
    hub
}

/// A webhook's path and secret.
async fn webhook(hub: &Hub, wanted: Value) -> (String, String) {
    let (status, made) = hub.admin("POST", WEBHOOKS, wanted).await;
    assert_eq!(status, 201, "{made}");
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (format!("{WEBHOOKS}/{}", text("id")), text("secret"))
}

async fn issue(hub: &Hub, title: &str) {
    let args = json!({"project_id": "demo", "agent_id": "ann", "title": title});
    assert_eq!(hub.admin("POST", "/api/v1/issues", args).await.0, 200);
}

async fn get(hub: &Hub, path: &str) -> Value {
    let (status, body) = hub.admin("GET", path, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn deliveries(hub: &Hub, path: &str, query: &str) -> Vec<Value> {
    let page = get(hub, &format!("{path}/deliveries{query}")).await;
    page["items"].as_array().unwrap().clone()
}

/// The newest delivery, once it stands so.
async fn newest(hub: &Hub, path: &str, state: &str) -> Value {
    eventually(state, || async {
        let all = deliveries(hub, path, "").await;
        all.first().is_some_and(|one| one["state"] == state)
    })
    .await;
    deliveries(hub, path, "").await.remove(0)
}

fn titles(posted: &[Posted]) -> Vec<String> {
    let path = |posted: &Posted| posted.json()["data"]["path"].as_str().unwrap().to_owned();
    posted.iter().map(path).collect()
}

#[tokio::test]
async fn events_arrive_signed_and_again_where_they_failed() {
    let receiver = Receiver::start().await;
    let mut hub = hub(&[&receiver]).await;
    let wanted =
        json!({"url": receiver.url(), "description": "tests", "filter": {"servers": ["issues"]}});
    let (path, secret) = webhook(&hub, wanted).await;
    receiver.answer(500, None);
    let started = Instant::now();
    issue(&hub, "one").await;
    let posted = receiver.wait(1).await.remove(0);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "it begins at once"
    );
    assert_eq!(posted.signed_by(&secret), (1, 1));
    assert_eq!(posted.header("content-type"), "application/json");
    assert!(posted.header("user-agent").starts_with("syndarix/"));
    let message = posted.json();
    assert_eq!(message["type"], "issues.create_issue");
    let event = get(&hub, "/api/v1/projects/demo/events?server=issues").await["items"][0].take();
    let mut data = message["data"].clone();
    assert_eq!(
        data.as_object_mut().unwrap().remove("project_id"),
        Some("demo".into())
    );
    assert_eq!(data, event);

    let again = receiver.wait(2).await.remove(1);
    assert_eq!((again.id(), &again.body), (posted.id(), &posted.body));
    assert_eq!(again.signed_by(&secret), (1, 1));
    let done = newest(&hub, &path, "delivered").await;
    assert_eq!(done["id"], posted.id());
    assert_eq!(
        (&done["event_id"], &done["attempts"], &done["last_status"]),
        (&event["id"], &json!(2), &json!(204)),
        "{done}"
    );
    let log = hub.log();
    assert!(log.contains("a webhook was not delivered"), "{log}");
    assert!(!log.contains("s3cret-of-the-url"), "{log}");

    // After a rotation both secrets sign, after one without grace the new one alone.
    let (status, rotated) = hub
        .admin("POST", &format!("{path}/rotate"), Value::Null)
        .await;
    assert_eq!(status, 200, "{rotated}");
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    let (status, ping) = hub
        .admin("POST", &format!("{path}/ping"), Value::Null)
        .await;
    assert_eq!((status, &ping["type"]), (202, &json!("ping")), "{ping}");
    let ping = receiver.wait(3).await.remove(2);
    assert_eq!(
        (ping.signed_by(new), ping.signed_by(&secret)),
        ((1, 2), (1, 2))
    );
    let (_, last) = hub
        .admin("POST", &format!("{path}/rotate"), json!({"grace_s": 0}))
        .await;
    let last = last["secret"].as_str().unwrap();
    newest(&hub, &path, "delivered").await;
    let one = format!("{path}/deliveries/{}/redeliver", posted.id());
    assert_eq!(hub.admin("POST", &one, Value::Null).await.0, 202);
    let redelivered = receiver.wait(4).await.remove(3);
    assert_eq!(
        (redelivered.id(), redelivered.signed_by(last)),
        (posted.id(), (1, 1))
    );

    // Nobody is told a secret again, and nothing is written down.
    let mut told = get(&hub, &path).await.to_string();
    told.push_str(&get(&hub, WEBHOOKS).await.to_string());
    told.push_str(&format!("{:?}", deliveries(&hub, &path, "").await));
    told.push_str(&format!("{:?}", hub.audit("project_id=demo").await));
    told.push_str(&hub.log());
    for secret in [&*secret, new, last] {
        assert!(
            !told.contains(secret.trim_start_matches("whsec_")),
            "{told}"
        );
    }
    let entries = hub.audit("project_id=demo&server=hub").await;
    for tool in [
        "create_webhook",
        "rotate_webhook",
        "ping_webhook",
        "redeliver_webhook",
    ] {
        assert!(entries.iter().any(|entry| entry["tool"] == tool), "{tool}");
    }
    hub.kill();
    for file in walk(&hub.data()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes
            .windows(last.len())
            .any(|part| part == last.as_bytes());
        assert!(!found, "a secret is in {}", file.display());
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[tokio::test]
async fn a_slow_receiver_holds_nobody_up_and_a_killed_hub_forgets_nothing() {
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.slow(Duration::from_secs(8));
    let hub = hub(&[&slow, &quick]).await;
    webhook(&hub, json!({"url": slow.url()})).await;
    let (path, _) = webhook(
        &hub,
        json!({"url": quick.url(), "filter": {"path": "issues"}}),
    )
    .await;
    for n in 0..5 {
        issue(&hub, &format!("{n}")).await;
    }
    assert_eq!(
        titles(&quick.wait(5).await),
        ["issues/1", "issues/2", "issues/3", "issues/4", "issues/5"]
    );
    assert_eq!(slow.wait(1).await.len(), 1, "one at a time");

    // Killed between the event and its delivery: it is delivered by the next one.
    quick.answer(500, None);
    issue(&hub, "six").await;
    quick.wait(6).await;
    let hub = hub.again().await;
    let posted = quick.wait(7).await;
    assert_eq!(posted[6].id(), posted[5].id());
    newest(&hub, &path, "delivered").await;
    slow.slow(Duration::ZERO);
    issue(&hub, "seven").await;
    quick.wait(8).await;
    // What was under way is sent again, and all the rest after it.
    eventually("all of it", || async {
        let paths = titles(&slow.posted());
        (1..=7).all(|n| paths.contains(&format!("issues/{n}")))
    })
    .await;
}

#[tokio::test]
async fn two_hubs_share_webhooks() {
    let Some(url) = database("syndarix_two_webhooks").await else {
        return;
    };
    let receiver = Receiver::start().await;
    let settings = settings(&[&receiver]).extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let mut other = one.beside().await;
    one.project("demo", &["ann"]).await;
    let (path, secret) = webhook(
        &one,
        json!({"url": receiver.url(), "filter": {"servers": ["issues"]}}),
    )
    .await;
    let tell = async |hub: &Hub| {
        for _ in 0..20 {
            issue(hub, "both").await;
        }
    };
    tokio::join!(tell(&one), tell(&other));
    receiver.wait(40).await;
    newest(&one, &path, "delivered").await;
    let posted = receiver.posted();
    assert_eq!(posted.len(), 40, "none twice");
    assert!(
        posted
            .iter()
            .all(|posted| posted.signed_by(&secret) == (1, 1))
    );
    // One dies at work; the other goes on.
    other.kill();
    issue(&one, "last").await;
    receiver.wait(41).await;
}
