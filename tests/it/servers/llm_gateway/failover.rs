//! When a provider fails: another answers, and all is on record; but never after the caller has seen a part.

use serde_json::{Value, json};

use super::{
    body, hub,
    upstream::{Act, Upstream, chunk, fails, says, streams},
};

#[tokio::test]
async fn before_the_first_token_the_next_target_answers_and_every_attempt_is_on_record() {
    let (first, second) = (
        Upstream::start(Act::Close).await,
        Upstream::start(says("second", 1, 1)).await,
    );
    let busy = Act::Answer(
        429,
        vec![("retry-after", "7".into())],
        json!({"error": {"message": "slow down"}}).to_string(),
    );
    for (n, (act, status)) in [
        (busy, Some(429)),
        (fails(500, "broken"), Some(500)),
        (fails(529, "overloaded"), Some(529)),
        (Act::Close, None),
        (Act::Hang, None),
        (
            Act::Stall(vec![(0, chunk(&json!({"role": "assistant"}), None))]),
            None,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let hub = hub(&[&first, &second], "").await;
        let stream = n == 5;
        first.next([act]);
        second.next(stream.then(|| streams(&["sec", "ond"], 1, 1)));
        let mut call = body("all", "hello");
        call["stream"] = stream.into();
        let answer = hub.v1("chat/completions", &call).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{n}");
        assert_eq!(answer.headers()["x-syndarix-attempts"], "2", "{n}");
        assert_eq!(answer.headers()["x-syndarix-provider"], "p1", "{n}");
        let id = answer.headers()["x-syndarix-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(answer.text().await.unwrap().contains("sec"), "{n}");
        let request = hub.llm("get_request", json!({"request_id": id})).await;
        assert_eq!(request["status"], "ok", "{request}");
        let attempts = request["attempts"].as_array().unwrap();
        let seen: Vec<&Value> = attempts.iter().map(|attempt| &attempt["status"]).collect();
        assert_eq!(seen, ["error", "ok"], "{request}");
        assert_eq!(
            attempts[0].get("http_status").and_then(Value::as_u64),
            status,
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_passed_over() {
    let second = Upstream::start(says("second", 1, 1)).await;
    let nobody = Upstream::nobody();
    let hub = hub(&[&nobody, &second], "").await;
    let answer = hub
        .v1("chat/completions", &body("all", "hello"))
        .send()
        .await
        .unwrap();
    assert_eq!((answer.status().as_u16(), second.count()), (200, 1));
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so_in_the_callers_dialect_and_is_billed() {
    let broken = Act::Stream(vec![
        (
            0,
            chunk(&json!({"role": "assistant", "content": "one "}), None),
        ),
        (0, chunk(&json!({"content": "two"}), None)),
    ]);
    let (first, second) = (
        Upstream::start(broken).await,
        Upstream::start(says("second", 1, 1)).await,
    );
    let hub = hub(&[&first, &second], "").await;
    for (path, marks, never) in [
        ("chat/completions", vec!["\"error\""], "[DONE]"),
        ("messages", vec!["event: error"], "message_stop"),
        ("responses", vec!["response.failed"], "response.completed"),
    ] {
        let mut call = body("all", "hello");
        call["stream"] = true.into();
        if path == "responses" {
            call = json!({"model": "all", "input": "hello", "stream": true});
        }
        let answer = hub.v1(path, &call).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let id = answer.headers()["x-syndarix-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let text = answer.text().await.unwrap();
        assert!(
            marks.iter().all(|mark| text.contains(mark)) && !text.contains(never),
            "{path}: {text}"
        );
        // It is only there for the hub's own tools.
        assert!(!text.contains("details.partial"), "{path}: {text}");
        let request = hub.llm("get_request", json!({"request_id": id})).await;
        assert_eq!(
            (&request["status"], &request["usage_source"]),
            (&json!("partial"), &json!("estimated")),
            "{request}"
        );
        assert!(request["cost_usd"].as_f64().unwrap() > 0.0, "{request}");
    }
    assert_eq!(second.count(), 0, "nobody takes over");
}

#[tokio::test]
async fn a_target_cools_down_is_probed_once_and_comes_back_also_over_a_restart() {
    let (first, second) = (
        Upstream::start(fails(500, "broken")).await,
        Upstream::start(says("second", 1, 1)).await,
    );
    let more = "cooldown = { failures = 2, seconds = 2 }\n";
    let mut hub = hub(&[&first, &second], more).await;
    let call = body("all", "hello");
    for _ in 0..4 {
        assert_eq!(
            hub.v1("chat/completions", &call)
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
    assert_eq!(
        (first.count(), second.count()),
        (2, 4),
        "left alone after two failures"
    );
    let explained = hub.llm("explain_route", json!({"model": "all"})).await;
    let targets: Vec<_> = explained["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (&t["model"], &t["health"], &t["eligible"]))
        .collect();
    assert_eq!(
        targets,
        [
            (&json!("m1"), &json!("closed"), &json!(true)),
            (&json!("m0"), &json!("open"), &json!(false))
        ]
    );
    let status = hub
        .llm("get_provider_status", json!({"provider": "p0"}))
        .await;
    assert_eq!(
        status["items"][0]["models"][0]["health"], "open",
        "{status}"
    );

    hub.terminate().await;
    let hub = hub.again().await;
    let status = hub
        .llm("get_provider_status", json!({"provider": "p0"}))
        .await;
    assert_eq!(status["items"][0]["models"][0]["failures"], 2, "{status}");
    first.always(Act::After(200, Box::new(says("first", 1, 1))));
    crate::support::eventually("the cooldown is over", || async {
        let explained = hub.llm("explain_route", json!({"model": "m0"})).await;
        explained["targets"][0]["health"] == "half_open"
    })
    .await;
    let calls = (0..5).map(|_| async {
        hub.v1("chat/completions", &call)
            .send()
            .await
            .unwrap()
            .status()
    });
    futures::future::join_all(calls).await;
    assert_eq!(
        (first.count(), second.count()),
        (3, 8),
        "one probe, the others go elsewhere"
    );
    hub.v1("chat/completions", &call).send().await.unwrap();
    assert_eq!((first.count(), second.count()), (4, 8), "it is back");
}

#[tokio::test]
async fn a_model_alone_is_retried_and_a_long_retry_after_is_passed_on() {
    let upstream = Upstream::start(says("at last", 1, 1)).await;
    let hub = hub(&[&upstream], "").await;
    upstream.next([fails(503, "no room")]);
    assert_eq!(
        hub.v1("chat/completions", &body("m0", "hello"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(upstream.count(), 2);
    upstream.next([Act::Answer(
        429,
        vec![("retry-after", "77".into())],
        "{}".into(),
    )]);
    let busy = hub
        .v1("chat/completions", &body("m0", "hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            busy.status().as_u16(),
            busy.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "77")
    );
    assert_eq!(upstream.count(), 3, "not waited for");
    upstream.next([fails(400, "no such field")]);
    assert_eq!(
        hub.v1("chat/completions", &body("m0", "hello"))
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    assert_eq!(upstream.count(), 4, "what is wrong stays wrong");
}
