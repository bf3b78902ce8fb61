//! Keys stay where they belong.

use serde_json::json;

use super::{
    body,
    upstream::{Act, Upstream, fails, says},
};
use crate::support::{Hub, Settings};

const CANARY: &str = "sk-canary-5f2a9c77d1e84b0394aa";

#[tokio::test]
async fn a_key_is_in_no_answer_log_audit_or_file_also_when_the_provider_echoes_it() {
    let upstream = Upstream::start(says("fine", 1, 1)).await;
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("key");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    let lines = format!(
        "[servers.llm_gateway.log]\nbodies = \"full\"\n\
         [servers.llm_gateway.providers.p]\nkind = \"openai\"\nbase_url = \"{}/v1\"\napi_key_file = \"{}\"\n",
        upstream.url,
        file.display()
    );
    let hub = Hub::with(
        Settings::default()
            .server("llm_gateway", &lines)
            .extra("[observe]\nlog = \"debug\"\n"),
    )
    .await;
    let echo = format!("Incorrect API key provided: {CANARY}. Header was Bearer {CANARY}");
    let broken = format!("data: {}\n\n", json!({"error": {"message": echo}}));
    upstream.next([
        fails(401, &echo),
        Act::Answer(500, vec![("x-echo", CANARY.into())], echo.clone()),
        Act::Answer(500, Vec::new(), echo.clone()),
        Act::Stream(vec![(0, broken)]),
    ]);
    let mut heard = String::new();
    for n in 0..4 {
        let mut call = body("p/up", "hello");
        call["stream"] = (n >= 2).into();
        let answer = hub.v1("chat/completions", &call).send().await.unwrap();
        heard.push_str(&format!("{:?}", answer.headers()));
        heard.push_str(&answer.text().await.unwrap());
    }
    for came in upstream.came() {
        assert!(came.head.contains(CANARY), "it was used: {}", came.head);
    }
    for tool in ["get_provider_status", "list_models", "get_usage"] {
        heard.push_str(&hub.llm(tool, json!({})).await.to_string());
    }
    heard.push_str(&format!("{:?}", hub.audit("").await));
    heard.push_str(&hub.log());
    let part = CANARY.get(..20).unwrap();
    assert!(!heard.contains(part), "{heard}");
    let mut folders = vec![hub.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Ok(bytes) = std::fs::read(entry.path()) {
                let found = bytes
                    .windows(part.len())
                    .any(|some| some == part.as_bytes());
                assert!(!found, "{}", entry.path().display());
            }
        }
    }
}
