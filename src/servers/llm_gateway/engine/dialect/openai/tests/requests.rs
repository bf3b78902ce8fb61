use serde_json::{Value, json};

use super::{super::*, tool_call};
use crate::servers::llm_gateway::engine::chat::{
    ChatRequest, Format, Media, Message, Part, Reasoning, Role, ToolChoice, ToolDef,
};

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

#[test]
fn a_request_is_read() {
    let body = json!({
        "model": "gpt",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "name": "ann", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA", "detail": "low" } },
                { "type": "image_url", "image_url": { "url": "https://x.org/a.png" } },
                { "type": "input_audio", "input_audio": { "data": "BBBB", "format": "wav" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\": 1}" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": [{ "type": "text", "text": "sunny" }] },
        ],
        "tools": [{ "type": "function", "function": { "name": "weather", "strict": true } }],
        "tool_choice": { "type": "function", "function": { "name": "weather" } },
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "out", "schema": { "type": "object" } } },
        "max_tokens": 5, "max_completion_tokens": 9,
        "temperature": 0.5, "top_p": 1, "stop": "END", "seed": 7, "n": 1,
        "reasoning_effort": "low", "stream": true, "stream_options": { "include_usage": true },
        "user": "someone", "logit_bias": null,
    });
    let media = |media_type: &str, data: &str| Media::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let expected = ChatRequest {
        model: "gpt".into(),
        messages: vec![
            turn(Role::System, vec![Part::text("Be brief.")]),
            turn(
                Role::User,
                vec![
                    Part::text("What is this?"),
                    Part::Image(media("image/png", "AAAA")),
                    Part::Image(Media::Url("https://x.org/a.png".into())),
                    Part::Audio(media("audio/wav", "BBBB")),
                    Part::File {
                        name: Some("a.pdf".into()),
                        media: media("application/pdf", "CCCC"),
                    },
                ],
            ),
            turn(Role::Assistant, vec![tool_call("c1", "{\"city\": 1}")]),
            turn(
                Role::Tool,
                vec![Part::ToolResult {
                    id: "c1".into(),
                    content: vec![Part::text("sunny")],
                    failed: false,
                }],
            ),
        ],
        tools: vec![ToolDef {
            name: "weather".into(),
            description: None,
            parameters: json!({ "type": "object", "properties": {} }),
            strict: Some(true),
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Tool("weather".into())),
        parallel_tool_calls: Some(false),
        format: Format::JsonSchema {
            name: "out".into(),
            description: None,
            schema: json!({ "type": "object" }),
            strict: None,
        },
        max_tokens: Some(9),
        temperature: Some(0.5),
        top_p: Some(1.0),
        stop: vec!["END".into()],
        seed: Some(7),
        reasoning: Some(Reasoning::Effort("low".into())),
        stream: true,
        ..ChatRequest::default()
    };
    assert_eq!(read_request(&body).unwrap(), expected);
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let with = |field: &str, value: Value| {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
        body[field] = value;
        read_request(&body).map(|_| ()).unwrap_err().param
    };
    for (field, value, param) in [
        ("model", json!(null), "model"),
        ("messages", json!("hi"), "messages"),
        (
            "messages",
            json!([{ "role": "robot", "content": "" }]),
            "messages[0].role",
        ),
        (
            "messages",
            json!([{ "role": "user" }]),
            "messages[0].content",
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [{ "type": "video" }] }]),
            "messages[0].content[0].type",
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "a.png" } }] }]),
            "messages[0].content[0].image_url.url",
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [{ "type": "file", "file": { "file_id": "f1" } }] }]),
            "messages[0].content[0].file.file_id",
        ),
        (
            "messages",
            json!([{ "role": "tool", "content": "x" }]),
            "messages[0].tool_call_id",
        ),
        (
            "tools",
            json!([{ "type": "custom", "custom": {} }]),
            "tools[0].type",
        ),
        ("tool_choice", json!("sometimes"), "tool_choice"),
        (
            "response_format",
            json!({ "type": "json_schema", "json_schema": { "schema": {} } }),
            "response_format.json_schema.name",
        ),
        ("max_tokens", json!(-1), "max_tokens"),
        ("n", json!(2), "n"),
        ("functions", json!([]), "functions"),
        ("modalities", json!(["text", "audio"]), "modalities"),
        ("stop", json!([1]), "stop[0]"),
    ] {
        assert_eq!(with(field, value), param);
    }
}

#[test]
fn only_allowed_tools_are_left() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let body = json!({
        "model": "m", "messages": [], "tools": [tool("a"), tool("b")],
        "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [tool("b")] } },
    });
    let request = read_request(&body).unwrap();
    assert_eq!(
        (request.tools.len(), request.tools[0].name.as_str()),
        (1, "b")
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
}

#[test]
fn a_request_is_written() {
    let request = ChatRequest {
        model: "llama".into(),
        messages: vec![
            turn(Role::System, vec![Part::text("a"), Part::text("b")]),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "hm".into(),
                        signature: None,
                    },
                    tool_call("c1", "{}"),
                    tool_call("c2", "{}"),
                ],
            ),
            turn(
                Role::Tool,
                vec![
                    Part::ToolResult {
                        id: "c1".into(),
                        content: vec![Part::Image(Media::Url("https://x.org/a.png".into()))],
                        failed: false,
                    },
                    Part::ToolResult {
                        id: "c2".into(),
                        content: vec![Part::text("no such city")],
                        failed: true,
                    },
                ],
            ),
            turn(Role::User, vec![Part::text("go on")]),
        ],
        max_tokens: Some(9),
        top_k: Some(3),
        stream: true,
        ..ChatRequest::default()
    };
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    assert_eq!(
        write_request(&request),
        json!({
            "model": "llama",
            "messages": [
                { "role": "system", "content": "a\nb" },
                { "role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [call("c1"), call("c2")] },
                { "role": "tool", "tool_call_id": "c1", "content": "The result is in the next message." },
                { "role": "tool", "tool_call_id": "c2", "content": "Error: no such city" },
                { "role": "user", "content": [
                    { "type": "text", "text": "Result of tool call c1:" },
                    { "type": "image_url", "image_url": { "url": "https://x.org/a.png" } },
                ] },
                { "role": "user", "content": "go on" },
            ],
            "max_tokens": 9,
            "stream": true,
            "stream_options": { "include_usage": true },
        })
    );
}

#[test]
fn thoughts_go_back_to_those_who_think_in_the_open() {
    let thought = |signature: Option<&str>| Part::Thinking {
        text: "hm".into(),
        signature: signature.map(str::to_owned),
    };
    let written = |model: &str, parts| {
        let request = ChatRequest {
            model: model.into(),
            messages: vec![turn(Role::Assistant, parts)],
            ..ChatRequest::default()
        };
        write_request(&request)["messages"][0]["reasoning_content"].clone()
    };
    let called = || tool_call("c1", "{}");
    assert_eq!(
        written("deepseek-chat", vec![thought(None), called()]),
        "hm"
    );
    assert_eq!(written("gpt-oss-120b", vec![thought(None), called()]), "hm");
    assert_eq!(written("gpt-5", vec![thought(None), called()]), Value::Null);
    assert_eq!(
        written("deepseek-chat", vec![thought(Some("s")), called()]),
        Value::Null
    );
    assert_eq!(written("deepseek-chat", vec![thought(None)]), Value::Null);
}

#[test]
fn models_that_reason_are_asked_in_their_words() {
    let written = |model: &str, reasoning| {
        let request = ChatRequest {
            model: model.into(),
            max_tokens: Some(5),
            reasoning: Some(reasoning),
            ..ChatRequest::default()
        };
        write_request(&request)
    };
    for model in ["o1", "o3-mini", "gpt-5", "openai/gpt-5-nano"] {
        let body = written(model, Reasoning::Budget(10_000));
        assert_eq!(body["max_completion_tokens"], 5, "{model}");
        assert_eq!(body["reasoning_effort"], "medium", "{model}");
    }
    for model in ["gpt-4o", "gpt-4.1-mini"] {
        let body = written(model, Reasoning::Effort("low".into()));
        assert_eq!(
            (&body["max_tokens"], body.get("reasoning_effort")),
            (&json!(5), None)
        );
    }
    let body = written("qwen3", Reasoning::Effort("low".into()));
    assert_eq!(
        (&body["max_tokens"], &body["reasoning_effort"]),
        (&json!(5), &json!("low"))
    );
    let body = written("olmo", Reasoning::Off);
    assert_eq!(
        (&body["max_tokens"], body.get("reasoning_effort")),
        (&json!(5), None)
    );
}
