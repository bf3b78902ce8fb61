//! The dialects: who is let in, how refusals are told, and that calls cross both ways.

use serde_json::{Value, json};

use super::{
    body, hub,
    upstream::{Upstream, fails, says, streams},
};
use crate::support::{Hub, Settings};

#[tokio::test]
async fn a_token_comes_in_either_header_and_names_its_scope_or_works_in_the_default_one() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let bound = hub
        .token(&["demo"], &["ann"], &["llm_gateway:write"])
        .await
        .0;
    let call = body("mock/echo", "hello there");
    let url = |path: &str| format!("{}{path}", hub.main);
    let by_key = hub
        .http
        .post(url("/v1/messages"))
        .header("x-api-key", &bound)
        .json(&call)
        .send()
        .await
        .unwrap();
    let said: Value = by_key.json().await.unwrap();
    assert_eq!(said["content"][0]["text"], "hello there", "{said}");
    let by_bearer = hub
        .http
        .post(url("/v1/chat/completions"))
        .bearer_auth(&bound)
        .json(&call)
        .send()
        .await
        .unwrap();
    let said: Value = by_bearer.json().await.unwrap();
    assert_eq!(
        said["choices"][0]["message"]["content"], "hello there",
        "{said}"
    );
    let scoped = url("/projects/demo/agents/ann/v1/chat/completions");
    assert_eq!(
        hub.http
            .post(scoped)
            .bearer_auth(&hub.admin)
            .json(&call)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let own = format!("{}/v1/chat/completions", hub.own["llm_gateway"]);
    assert_eq!(
        hub.http
            .post(own)
            .bearer_auth(&hub.admin)
            .json(&call)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let entries = hub.audit("tool=chat&project_id=demo").await;
    assert_eq!(entries.len(), 3, "{entries:?}");
}

#[tokio::test]
async fn refusals_are_told_in_the_callers_dialect() {
    let upstream = Upstream::start(says("fine", 1, 1)).await;
    let hub = hub(&[&upstream], "").await;
    hub.project("demo", &["ann"]).await;
    let reader = hub
        .token(&["demo"], &["ann"], &["llm_gateway:read"])
        .await
        .0;
    let ask = async |path: &str, token: &str, call: &Value| {
        let url = format!("{}/v1/{path}", hub.main);
        let answer = hub
            .http
            .post(url)
            .bearer_auth(token)
            .json(call)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    for (token, model, status, openai, anthropic) in [
        (
            "syx_wrong",
            "m0",
            401,
            "invalid_api_key",
            "authentication_error",
        ),
        (reader.as_str(), "m0", 403, "", "permission_error"),
        (
            hub.admin.as_str(),
            "unheard-of",
            404,
            "model_not_found",
            "not_found_error",
        ),
    ] {
        let (got, told) = ask("chat/completions", token, &body(model, "x")).await;
        assert_eq!(got, status, "{told}");
        assert_eq!(
            told["error"]["code"].as_str().unwrap_or_default(),
            openai,
            "{told}"
        );
        let (got, told) = ask("messages", token, &body(model, "x")).await;
        assert_eq!(
            (got, told["error"]["type"].as_str()),
            (status, Some(anthropic)),
            "{told}"
        );
    }
    for status in [400, 401, 403, 404, 429, 500, 529] {
        upstream.next([fails(status, "as scripted"), fails(status, "as scripted")]);
        let (got, told) = ask("chat/completions", &hub.admin, &body("m0", "x")).await;
        assert_eq!(got, status, "{told}");
        assert!(
            told["error"]["message"]
                .as_str()
                .unwrap()
                .contains("as scripted"),
            "{told}"
        );
        // What the first call left of its script.
        upstream.next([]);
        while upstream.came().len() % 2 == 1 {
            ask("chat/completions", &hub.admin, &body("m0", "x")).await;
        }
    }
    let (got, told) = ask("chat/completions", &hub.admin, &json!({"messages": []})).await;
    assert_eq!(
        (got, told["error"]["param"].as_str()),
        (400, Some("model")),
        "{told}"
    );
    let (got, told) = ask(
        "chat/completions",
        &hub.admin,
        &json!({"model": "mock/echo", "messages": "x"}),
    )
    .await;
    let message = told["error"]["message"].as_str().unwrap();
    assert_eq!(
        (got, told["error"]["param"].as_str()),
        (400, Some("messages")),
        "{told}"
    );
    assert!(
        message.starts_with("messages: "),
        "nobody was asked: {told}"
    );
    let (got, told) = ask("chat/completions", &hub.admin, &json!("no object")).await;
    assert_eq!(
        (got, &told["error"]["param"]),
        (400, &Value::Null),
        "{told}"
    );
}

#[tokio::test]
async fn usage_is_on_record_though_the_caller_did_not_ask_for_it_and_shown_only_if_it_did() {
    let upstream = Upstream::start(streams(&["one ", "two"], 5, 2)).await;
    let hub = hub(&[&upstream], "").await;
    let mut call = body("m0", "x");
    call["stream"] = true.into();
    let quiet = hub
        .v1("chat/completions", &call)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        !quiet.contains("prompt_tokens") && quiet.ends_with("data: [DONE]\n\n"),
        "{quiet}"
    );
    call["stream_options"] = json!({"include_usage": true});
    let loud = hub
        .v1("chat/completions", &call)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(loud.contains("\"prompt_tokens\":5"), "{loud}");
    let sum = &hub.llm("get_usage", json!({})).await["items"][0];
    assert_eq!(
        (sum["input_tokens"].as_i64(), sum["output_tokens"].as_i64()),
        (Some(10), Some(4))
    );
}

#[tokio::test]
async fn an_anthropic_client_is_answered_by_an_openai_provider_and_the_other_way_round() {
    let upstream = Upstream::start(streams(&["one ", "two"], 5, 2)).await;
    let lines = format!(
        "[servers.llm_gateway.providers.o]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\n\
         [servers.llm_gateway.providers.a]\nkind = \"anthropic\"\nbase_url = \"{0}\"\n",
        upstream.url
    );
    let hub = Hub::with(Settings::default().server("llm_gateway", &lines)).await;
    let mut call = body("o/up", "x");
    call["stream"] = true.into();
    let said = hub
        .v1("messages", &call)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(said.matches("event: message_start").count(), 1, "{said}");
    assert!(
        said.contains("\"text\":\"two\"") && said.contains("event: message_stop"),
        "{said}"
    );
    assert_eq!(upstream.came()[0].path, "/v1/chat/completions");

    upstream.next([super::upstream::Act::Answer(
        200,
        Vec::new(),
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "three"}], "usage": {"input_tokens": 5, "output_tokens": 1},
        })
        .to_string(),
    )]);
    let answer: Value = hub
        .v1("chat/completions", &body("a/up", "x"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer["choices"][0]["message"]["content"], "three",
        "{answer}"
    );
    assert_eq!(answer["usage"]["total_tokens"], 6, "{answer}");
    assert!(
        upstream.came()[1].path.ends_with("/messages"),
        "{}",
        upstream.came()[1].path
    );
}
