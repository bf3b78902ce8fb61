//! Answers that serve more than one call.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    body, hub,
    upstream::{Act, Upstream, fails, says, streams},
};
use crate::support::Hub;

const CACHE: &str = "[servers.llm_gateway.cache]\nmode = \"exact\"\n";

async fn ask(hub: &Hub, call: &Value, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = hub.v1("chat/completions", call);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let cache = answer
        .headers()
        .get("x-syndarix-cache")
        .map(|v| v.to_str().unwrap().to_owned());
    (
        answer.status().as_u16(),
        cache.unwrap_or_default(),
        answer.text().await.unwrap(),
    )
}

#[tokio::test]
async fn the_same_call_gets_the_same_answer_in_its_own_project_only() {
    let upstream = Upstream::start(says("fine", 10, 10)).await;
    let hub = hub(&[&upstream], CACHE).await;
    hub.project("other", &["ann"]).await;
    let call = body("m0", "hello");
    let (_, miss, text) = ask(&hub, &call, &[]).await;
    let (_, hit, again) = ask(&hub, &call, &[]).await;
    assert_eq!((miss.as_str(), hit.as_str()), ("miss", "hit"));
    assert_eq!(text, again);
    let elsewhere = [("x-project-id", "other"), ("x-agent-id", "ann")];
    assert_eq!(ask(&hub, &call, &elsewhere).await.1, "miss");
    assert_eq!(upstream.count(), 2);
    let saved = &hub.llm("get_usage", json!({})).await["items"][0];
    assert_eq!(
        (saved["cost_usd"].as_f64(), saved["saved_usd"].as_f64()),
        (Some(0.02), Some(0.02)),
        "{saved}"
    );

    // Not: hot calls, tools, failures; and not what was purged.
    let mut hot = call.clone();
    hot["temperature"] = 0.7.into();
    assert_eq!(ask(&hub, &hot, &[]).await.1, "off");
    let mut tools = call.clone();
    tools["tools"] =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    assert_eq!(ask(&hub, &tools, &[]).await.1, "off");
    assert_eq!(
        ask(&hub, &hot, &[("x-syndarix-cache", "exact")]).await.1,
        "miss"
    );
    assert_eq!(
        ask(&hub, &hot, &[("x-syndarix-cache", "exact")]).await.1,
        "hit"
    );
    upstream.next([fails(400, "no"), fails(400, "no")]);
    let bad = body("m0", "other words");
    assert_eq!(
        (ask(&hub, &bad, &[]).await.0, ask(&hub, &bad, &[]).await.0),
        (400, 400)
    );
    hub.llm("purge_cache", json!({})).await;
    assert_eq!(ask(&hub, &call, &[]).await.1, "miss");
    assert_eq!(
        ask(&hub, &call, &elsewhere).await.1,
        "hit",
        "another project's stay"
    );
}

#[tokio::test]
async fn a_hundred_identical_calls_at_once_make_one_and_a_stream_is_replayed_as_it_was() {
    let upstream = Upstream::start(Act::After(100, Box::new(says("fine", 1, 1)))).await;
    let hub = hub(&[&upstream], CACHE).await;
    let call = body("m0", "hello");
    let answers = join_all((0..100).map(|_| ask(&hub, &call, &[]))).await;
    assert!(
        answers
            .iter()
            .all(|(status, _, text)| *status == 200 && text.contains("fine"))
    );
    assert_eq!(upstream.count(), 1);

    let mut stream = call.clone();
    stream["stream"] = true.into();
    upstream.next([streams(&["fi", "ne"], 1, 1)]);
    let (_, _, first) = ask(&hub, &stream, &[]).await;
    let (_, hit, second) = ask(&hub, &stream, &[]).await;
    assert_eq!((hit.as_str(), first == second), ("hit", true));
    assert!(
        second.ends_with("data: [DONE]\n\n") && !second.contains("usage"),
        "{second}"
    );
}

#[tokio::test]
async fn a_key_replays_its_answer_refuses_another_call_and_waits_for_one_under_way() {
    let upstream = Upstream::start(Act::After(50, Box::new(says("fine", 1, 1)))).await;
    let hub = hub(&[&upstream], "").await;
    let (call, other) = (body("m0", "hello"), body("m0", "bye"));
    let keyed = [("idempotency-key", "k1")];
    let both = join_all([ask(&hub, &call, &keyed), ask(&hub, &call, &keyed)]).await;
    assert_eq!(both[0].2, both[1].2);
    assert_eq!(ask(&hub, &call, &keyed).await.1, "replay");
    assert_eq!(upstream.count(), 1);
    let (status, _, told) = ask(&hub, &other, &keyed).await;
    assert_eq!(status, 422, "{told}");
    // A failure is not kept: the same key may be tried again.
    upstream.next([fails(400, "no")]);
    assert_eq!(ask(&hub, &call, &[("idempotency-key", "k2")]).await.0, 400);
    assert_eq!(ask(&hub, &call, &[("idempotency-key", "k2")]).await.0, 200);
}
