//! The tool `chat` over MCP, with all that it takes.

use serde_json::{Value, json};

use super::{
    hub,
    upstream::{Act, Upstream, completion, fails, says, streams},
};
use crate::support::{Hub, Session, outcome};

async fn chat(hub: &Hub, session: &Session, mut args: Value) -> Value {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    let message = session
        .request("tools/call", json!({"name": "chat", "arguments": args}))
        .await;
    outcome(&message).unwrap_or_else(|refused| panic!("{refused:?}\n{}", hub.log()))
}

#[tokio::test]
async fn tools_images_formats_fallbacks_cache_and_keys_over_mcp() {
    let (first, second) = (
        Upstream::start(fails(500, "broken")).await,
        Upstream::start(says("{}", 3, 1)).await,
    );
    let hub = hub(&[&first, &second], "").await;
    let session = Session::open(&hub.http, &hub.own["llm_gateway"], &hub.admin).await;
    let picture = "data:image/png;base64,AAAA";
    let args = json!({
        "model": "m0", "fallbacks": ["m1"], "stream": false, "max_tokens": 9, "cache": "exact",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is this?", "images": [picture]},
            {"role": "assistant", "tool_calls": [{"id": "c1", "name": "look", "arguments": "{\"at\":1}"}]},
            {"role": "tool", "tool_call_id": "c1", "content": "a dot"},
        ],
        "tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}}],
        "tool_choice": "required",
        "response_format": {"type": "json_schema", "name": "dot", "schema": {"type": "object"}, "strict": true},
    });
    let said = chat(&hub, &session, args.clone()).await;
    assert_eq!(
        (
            &said["model"],
            &said["provider"],
            &said["message"]["content"],
            &said["finish_reason"],
            &said["cache"]
        ),
        (
            &json!("m0"),
            &json!("p1"),
            &json!("{}"),
            &json!("stop"),
            &json!("miss")
        ),
    );
    assert_eq!(said["usage"]["input_tokens"], 3, "{said}");
    assert_eq!(said["cost_usd"], 0.004);
    let attempts = said["attempts"].as_array().unwrap();
    assert!(
        attempts
            .iter()
            .all(|a| a["provider"] == "p0" && a["http_status"] == 500),
        "{said}"
    );
    let came = second.came().pop().unwrap().body;
    assert_eq!(
        came["messages"][1]["content"][1]["image_url"]["url"], picture,
        "{came}"
    );
    assert_eq!(
        came["messages"][2]["tool_calls"][0]["function"]["arguments"],
        "{\"at\":1}"
    );
    assert_eq!(came["messages"][3]["tool_call_id"], "c1");
    assert_eq!(came["tools"][0]["function"]["name"], "look");
    assert_eq!(
        (&came["tool_choice"], &came["max_tokens"]),
        (&json!("required"), &json!(9)),
        "{came}"
    );
    assert_eq!(came["response_format"]["json_schema"]["name"], "dot");

    let again = chat(&hub, &session, args).await;
    assert_eq!(
        (&again["cache"], &again["cost_usd"], second.count()),
        (&json!("hit"), &json!(0.0), 1)
    );

    let mut wants = completion("", 3, 1);
    wants["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 2"}},
    ]});
    wants["choices"][0]["finish_reason"] = "tool_calls".into();
    second.next([Act::Answer(200, Vec::new(), wants.to_string())]);
    let call = json!({
        "model": "m1", "stream": false, "idempotency_key": "once",
        "messages": [{"role": "user", "content": "look"}], "tools": [{"name": "look"}],
    });
    let said = chat(&hub, &session, call.clone()).await;
    let calls = &said["message"]["tool_calls"];
    assert_eq!(
        calls,
        &json!([{"id": "c2", "name": "look", "arguments": "{\"at\": 2"}])
    );
    let replayed = chat(&hub, &session, call).await;
    assert_eq!(
        (&replayed["cache"], &replayed["message"]),
        (&json!("replay"), &said["message"])
    );
    assert_eq!(second.count(), 2);
}

#[tokio::test]
async fn the_audit_log_keeps_what_was_asked_for_and_nothing_of_what_was_said() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let hub = hub(&[&upstream], "").await;
    let call = json!({"model": "m0", "stream": false, "messages": [{"role": "user", "content": "private"}]});
    let answer = hub.v1("chat/completions", &call).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let entries = hub.audit("tool=chat&outcome=ok").await;
    assert_eq!(
        entries[0]["arguments"].to_string().replace('\\', ""),
        r#""{"model":"m0","stream":false}""#,
        "{entries:?}"
    );
}

#[tokio::test]
async fn what_is_said_is_kept_as_the_settings_have_it_streams_too() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    for (bodies, request, response) in [
        ("off", false, false),
        ("redacted", false, true),
        ("full", true, true),
    ] {
        let log = format!("[servers.llm_gateway.log]\nbodies = \"{bodies}\"\n");
        let hub = hub(&[&upstream], &log).await;
        for stream in [false, true] {
            if stream {
                upstream.next([streams(&["ye", "s"], 1, 1)]);
            }
            let call = json!({"model": "m0", "stream": stream, "messages": [{"role": "user", "content": secret}]});
            let answer = hub.v1("chat/completions", &call).send().await.unwrap();
            let id = answer.headers()["x-syndarix-request-id"]
                .to_str()
                .unwrap()
                .to_owned();
            answer.bytes().await.unwrap();
            let kept = hub.llm("get_request", json!({"request_id": id})).await;
            let has = |field: &str, text: &str| {
                kept[field].as_str().is_some_and(|body| body.contains(text))
            };
            let found = (
                has("request_body", secret),
                has("response_body", "yes") || has("response_body", "\"ye\""),
            );
            assert_eq!(found, (request, response), "{bodies} {stream}: {kept}");
        }
    }
}
