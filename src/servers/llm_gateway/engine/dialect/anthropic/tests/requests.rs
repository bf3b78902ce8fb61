use serde_json::{Value, json};

use super::{super::*, tool_call};
use crate::servers::llm_gateway::engine::chat::{
    ChatRequest, Format, Media, Message, Part, Reasoning, Role, ToolChoice, ToolDef,
};

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn cached(text: &str) -> Part {
    Part::Text {
        text: text.into(),
        cache: Some(json!({ "type": "ephemeral" })),
    }
}

#[test]
fn a_request_is_read() {
    let mark = json!({ "type": "ephemeral" });
    let body = json!({
        "model": "claude", "max_tokens": 100,
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": mark }],
        "messages": [
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "hm", "signature": "s1" },
                { "type": "redacted_thinking", "data": "xx" },
                { "type": "tool_use", "id": "t1", "name": "weather", "input": { "city": "Bonn" } },
            ] },
            { "role": "user", "content": [
                { "type": "text", "text": "Here:" },
                { "type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                    { "type": "text", "text": "no" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAAA" } },
                ] },
                { "type": "document", "title": "notes", "source": { "type": "text", "media_type": "text/plain", "data": "abc" } },
            ] },
            { "role": "user", "content": "and now?" },
        ],
        "tools": [{ "name": "weather", "description": "d", "input_schema": { "type": "object" }, "cache_control": mark }],
        "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
        "thinking": { "type": "enabled", "budget_tokens": 2000 },
        "output_config": { "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "stop_sequences": ["END"], "top_k": 5, "metadata": { "user_id": "u" }, "stream": true,
    });
    let image = Media::Base64 {
        media_type: "image/png".into(),
        data: "AAAA".into(),
    };
    let notes = Media::Base64 {
        media_type: "text/plain".into(),
        data: "YWJj".into(),
    };
    let expected = ChatRequest {
        model: "claude".into(),
        messages: vec![
            turn(Role::System, vec![cached("Be brief.")]),
            turn(Role::User, vec![Part::text("Hello")]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "hm".into(),
                        signature: Some("s1".into()),
                    },
                    Part::RedactedThinking("xx".into()),
                    tool_call("t1", "{\"city\":\"Bonn\"}"),
                ],
            ),
            turn(
                Role::Tool,
                vec![Part::ToolResult {
                    id: "t1".into(),
                    content: vec![Part::text("no"), Part::Image(image)],
                    failed: true,
                }],
            ),
            turn(
                Role::User,
                vec![
                    Part::text("Here:"),
                    Part::File {
                        name: Some("notes".into()),
                        media: notes,
                    },
                    Part::text("and now?"),
                ],
            ),
        ],
        tools: vec![ToolDef {
            name: "weather".into(),
            description: Some("d".into()),
            parameters: json!({ "type": "object" }),
            strict: None,
            cache: Some(json!({ "type": "ephemeral" })),
        }],
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(false),
        format: Format::JsonSchema {
            name: "answer".into(),
            description: None,
            schema: json!({ "type": "object" }),
            strict: Some(true),
        },
        max_tokens: Some(100),
        top_k: Some(5),
        stop: vec!["END".into()],
        reasoning: Some(Reasoning::Budget(2000)),
        stream: true,
        ..ChatRequest::default()
    };
    assert_eq!(read_request(&body).unwrap(), expected);
}

#[test]
fn a_tool_that_was_searched_for_is_told_in_words() {
    let found = json!([{ "type": "tool_reference", "tool_name": "weather" }]);
    let result = json!([{ "type": "tool_result", "tool_use_id": "t1", "content": found }]);
    let tool =
        json!({ "name": "weather", "input_schema": { "type": "object" }, "defer_loading": true });
    let body = json!({ "model": "m", "tools": [tool], "messages": [{ "role": "user", "content": result }] });
    let read = read_request(&body).unwrap();
    assert_eq!(read.tools[0].name, "weather");
    let Part::ToolResult { content, .. } = &read.messages[0].parts[0] else {
        panic!("{:?}", read.messages);
    };
    assert_eq!(
        *content,
        [Part::text("The tool weather is ready to be called.")]
    );
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let with = |field: &str, value: Value| {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
        body[field] = value;
        read_request(&body).map(|_| ()).unwrap_err().param
    };
    let said = |content: Value| json!([{ "role": "user", "content": content }]);
    for (field, value, param) in [
        ("messages", json!(null), "messages"),
        (
            "messages",
            json!([{ "role": "tool", "content": "" }]),
            "messages[0].role",
        ),
        (
            "messages",
            said(json!([{ "type": "server_tool_use" }])),
            "messages[0].content[0].type",
        ),
        (
            "messages",
            said(json!([{ "type": "image", "source": { "type": "file", "file_id": "f" } }])),
            "messages[0].content[0].source.type",
        ),
        (
            "messages",
            said(json!([{ "type": "tool_use", "id": "t", "name": "n", "input": "x" }])),
            "messages[0].content[0].input",
        ),
        (
            "tools",
            json!([{ "type": "web_search_20250305", "name": "web_search" }]),
            "tools[0].type",
        ),
        ("tool_choice", json!({ "type": "some" }), "tool_choice.type"),
        (
            "thinking",
            json!({ "type": "enabled" }),
            "thinking.budget_tokens",
        ),
        ("stop_sequences", json!("END"), "stop_sequences"),
        ("mcp_servers", json!([]), "mcp_servers"),
    ] {
        assert_eq!(with(field, value), param);
    }
}

#[test]
fn a_request_is_written() {
    let request = ChatRequest {
        model: "claude-sonnet-4-5".into(),
        messages: vec![
            turn(Role::System, vec![cached("Be brief.")]),
            turn(Role::User, vec![Part::text("Hello"), Part::text("")]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "unproven".into(),
                        signature: None,
                    },
                    tool_call("call:1", "{\"city\":\"Bonn\"}"),
                    tool_call("c2", "{\"city\":"),
                ],
            ),
            turn(Role::User, vec![Part::text("wait")]),
            turn(
                Role::Tool,
                vec![Part::ToolResult {
                    id: "call:1".into(),
                    content: vec![Part::text("sunny")],
                    failed: true,
                }],
            ),
            turn(Role::System, vec![Part::text("Later.")]),
        ],
        tools: vec![ToolDef {
            name: "weather".into(),
            description: None,
            parameters: json!({ "type": "object" }),
            strict: Some(false),
            cache: None,
        }],
        parallel_tool_calls: Some(false),
        temperature: Some(1.7),
        top_p: Some(0.5),
        seed: Some(1),
        stop: vec!["END".into()],
        stream: true,
        ..ChatRequest::default()
    };
    let body = write_request(&request);
    assert_eq!(
        body,
        json!({
            "model": "claude-sonnet-4-5",
            "max_tokens": 4096,
            "system": [
                { "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } },
                { "type": "text", "text": "Later." },
            ],
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "Hello" }] },
                { "role": "assistant", "content": [
                    { "type": "tool_use", "id": "call_1", "name": "weather", "input": { "city": "Bonn" } },
                    { "type": "tool_use", "id": "c2", "name": "weather", "input": { "_invalid_json": "{\"city\":" } },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "call_1", "content": [{ "type": "text", "text": "sunny" }], "is_error": true },
                    { "type": "text", "text": "wait" },
                ] },
            ],
            "tools": [{ "name": "weather", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "auto", "disable_parallel_tool_use": true },
            "stop_sequences": ["END"],
            "temperature": 1.0,
            "stream": true,
        })
    );
}

#[test]
fn thinking_keeps_to_what_the_api_takes() {
    let effort = |word: &str| Some(Reasoning::Effort(word.into()));
    let with = |model: &str, reasoning, max_tokens| ChatRequest {
        model: model.into(),
        messages: vec![turn(Role::User, vec![Part::text("hi")])],
        reasoning,
        max_tokens,
        temperature: Some(0.2),
        ..ChatRequest::default()
    };
    let said = |request: &ChatRequest| {
        let body = write_request(request);
        (
            body["thinking"].clone(),
            body["max_tokens"].as_u64(),
            body.get("temperature").is_some(),
        )
    };
    let budget = |tokens: u32| json!({ "type": "enabled", "budget_tokens": tokens });
    let old = "claude-sonnet-4-5";
    // Room for thinking is added where no limit is given; with one, thinking stays below it.
    assert_eq!(
        said(&with(old, effort("low"), None)),
        (budget(2048), Some(6144), false)
    );
    assert_eq!(
        said(&with(old, effort("high"), Some(8000))),
        (budget(4000), Some(8000), false)
    );
    assert_eq!(
        said(&with(old, Some(Reasoning::Budget(9000)), Some(5000))),
        (budget(4999), Some(5000), false)
    );
    assert_eq!(
        said(&with(old, effort("high"), Some(500))),
        (Value::Null, Some(500), true)
    );
    assert_eq!(
        said(&with(old, Some(Reasoning::Off), Some(500))).0,
        Value::Null
    );
    let off = json!({ "type": "disabled" });
    for stoppable in ["claude-opus-5", "glm-5"] {
        assert_eq!(
            said(&with(stoppable, Some(Reasoning::Off), Some(500))).0,
            off
        );
    }
    // Newer models decide themselves.
    let new = write_request(&with("claude-opus-4-6", effort("max"), Some(500)));
    assert_eq!(new["thinking"], json!({ "type": "adaptive" }));
    assert_eq!(new["output_config"], json!({ "effort": "max" }));
    let unstoppable = write_request(&with("claude-fable-5", Some(Reasoning::Off), Some(500)));
    assert_eq!(unstoppable["output_config"], json!({ "effort": "low" }));
    let cool = write_request(&with("claude-opus-5", None, Some(500)));
    assert_eq!(cool.get("temperature"), None);
    // A tool that must be called, or a call that lost its signed thinking: no thinking.
    let mut forced = with(old, effort("low"), None);
    forced.tool_choice = Some(ToolChoice::Required);
    assert_eq!(said(&forced).0, Value::Null);
    let mut unsigned = with(old, effort("low"), None);
    unsigned
        .messages
        .push(turn(Role::Assistant, vec![tool_call("c", "{}")]));
    assert_eq!(said(&unsigned).0, Value::Null);
}

#[test]
fn json_is_asked_for() {
    let mut request = ChatRequest {
        format: Format::JsonSchema {
            name: "out".into(),
            description: None,
            schema: json!({ "type": "object" }),
            strict: Some(true),
        },
        ..ChatRequest::default()
    };
    let body = write_request(&request);
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    assert_eq!(body["output_config"], json!({ "format": format }));
    request.format = Format::JsonObject;
    let body = write_request(&request);
    assert!(
        body["system"][0]["text"]
            .as_str()
            .unwrap()
            .contains("JSON object")
    );
}
