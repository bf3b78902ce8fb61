//! Another embedding model, chosen in config.toml while the hub runs: its vectors are made beside those that serve.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{ask, call, verified};
use crate::support::{Hub, Settings, eventually};

const BUILTIN: &str = "builtin/all-minilm-l6-v2";
const DOCUMENTS: usize = 70;

fn gateway(model: &str) -> Settings {
    let own = format!("embedding = {{ provider = \"gateway\", model = \"{model}\" }}\n");
    Settings::default().server("knowledge_base", &own)
}

fn choose(hub: &Hub, settings: &Settings) {
    hub.configure(settings);
    hub.signal(Signal::HUP);
}

/// Waits until the models are as `done` wants them. What is looked for meanwhile is looked for by meaning, every time.
async fn models(hub: &Hub, what: &str, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for n in 0..1_500 {
        let sent = json!({"query": format!("number {n}"), "limit": 1});
        let found = call(hub, "default", "search_knowledge", sent).await;
        assert_eq!(found["mode_used"], "hybrid", "{what}: {found}");
        let stats = call(hub, "default", "knowledge_stats", json!({})).await;
        let now = stats["models"].as_array().unwrap();
        if done(now) {
            return now.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain: {what}");
}

async fn job(hub: &Hub, id: &Value) -> Value {
    call(hub, "default", "get_knowledge_job", json!({"id": id})).await
}

fn serves(models: &[Value], model: &str) -> bool {
    let [only] = models else { return false };
    only["model"] == model && only["state"] == "serving" && !only["in_memory"].is_null()
}

#[tokio::test]
async fn another_model_is_built_beside_the_one_that_serves_switched_to_and_given_up() {
    let hub = Hub::start().await;
    let documents: Vec<Value> = (0..DOCUMENTS)
        .map(|n| json!({"source": {"text": format!("text number {n}")}}))
        .collect();
    let sent = json!({"documents": documents, "wait_ms": 20_000});
    call(&hub, "default", "add_documents", sent).await;
    verified(&hub).await;
    eventually("the first vectors", async || {
        let stats = call(&hub, "default", "knowledge_stats", json!({})).await;
        serves(stats["models"].as_array().unwrap(), BUILTIN)
    })
    .await;
    models(&hub, "the first model", |now| serves(now, BUILTIN)).await;

    // A model that does not answer: the settings stay, the old one serves, and it is said why.
    choose(&hub, &gateway("mock/embed:status=503"));
    let failing = models(&hub, "trouble", |now| {
        now.len() == 2 && now[1]["trouble"].is_string()
    });
    let failing = failing.await;
    assert_eq!(
        (&failing[0]["model"], &failing[1]["state"]),
        (&json!(BUILTIN), &json!("building"))
    );
    let id = &failing[1]["job_id"];
    let seen = job(&hub, id).await;
    assert_eq!(
        (&seen["state"], &seen["done"]),
        (&json!("running"), &json!(0))
    );
    hub.project("ours", &["ann"]).await;
    let (token, _) = hub
        .token(&["ours"], &["ann"], &["knowledge_base:admin"])
        .await;
    let sent = json!({"project_id": "ours", "agent_id": "ann", "id": id});
    let path = "/api/v1/servers/knowledge_base/tools/get_knowledge_job";
    assert_eq!(hub.request(&token, "POST", path, sent).await.0, 404);
    // It is cancelled as a job, at once, however long it waits before it tries again.
    let sent = json!({"id": id, "action": "cancel"});
    let ended = call(&hub, "default", "get_knowledge_job", sent).await;
    assert_eq!(ended["state"], "cancelled", "{ended}");
    models(&hub, "cancelled", |now| serves(now, BUILTIN)).await;
    let sent = json!({"id": id, "action": "retry"});
    assert_eq!(ask(&hub, "default", "get_knowledge_job", sent).await.0, 409);

    // One that is slow, given up as the settings go back.
    choose(&hub, &gateway("mock/embed:ttft=4000"));
    let building = models(&hub, "building", |now| now.len() == 2).await;
    let id = &building[1]["job_id"];
    choose(&hub, &Settings::default());
    models(&hub, "given up", |now| serves(now, BUILTIN)).await;
    assert_eq!(job(&hub, id).await["state"], "cancelled");

    // And one that is let finish.
    let slow = "mock/embed:ttft=500";
    choose(&hub, &gateway(slow));
    let building = models(&hub, "building", |now| now.len() == 2).await;
    let id = &building[1]["job_id"];
    let mut seen = Vec::new();
    loop {
        let now = job(&hub, id).await;
        if now["state"] == "done" {
            assert_eq!(
                (&now["done"], &now["total"]),
                (&json!(DOCUMENTS), &json!(DOCUMENTS))
            );
            break;
        }
        assert_eq!(now["state"], "running", "{now}");
        seen.push(now["done"].as_i64().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        seen.is_sorted() && seen.iter().any(|done| *done > 0),
        "{seen:?}"
    );
    let name = format!("gateway/{slow}");
    models(&hub, "switched", |now| serves(now, &name)).await;
    verified(&hub).await;

    // What serves and does not answer any more: words alone, and why.
    choose(&hub, &gateway(slow).server("llm_gateway", "mock = false\n"));
    for n in 0.. {
        let sent = json!({"query": format!("text {n} unheard of")});
        let found = call(&hub, "default", "search_knowledge", sent).await;
        if found["mode_used"] == "lexical" {
            let reason = found["mode_reason"].as_str().unwrap();
            assert!(reason.contains("does not answer"), "{reason}");
            break;
        }
        assert!(n < 100, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
