use serde_json::{Value, json};

use super::*;
use crate::servers::llm_gateway::engine::{
    chat::{
        ChatRequest, Finish, Format, Media, Message, Part, Piece, Reasoning, Role, ToolCall,
        ToolChoice, ToolDef, Usage,
    },
    dialect::{
        Dialect, Trouble,
        tests::{answer, arguments, call, data, encode, events, meta},
    },
};

fn tool_call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
    })
}

fn result(id: &str, text: &str) -> Part {
    Part::ToolResult {
        id: id.into(),
        content: vec![Part::text(text)],
        failed: false,
    }
}

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

#[test]
fn a_request_is_read() {
    let body = json!({
        "model": "gpt", "instructions": "Be brief.",
        "input": [
            { "role": "user", "content": [
                { "type": "input_text", "text": "What?" },
                { "type": "input_image", "detail": "auto", "image_url": "https://x.org/a.png" },
                { "type": "input_file", "filename": "a.txt", "file_data": "YWJj" },
            ] },
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }], "encrypted_content": "sig" },
            { "type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "redacted_thinking:xx" },
            { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "Let me see.", "annotations": [] },
            ] },
            { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}" },
            { "type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c1", "output": "sunny" },
            { "type": "function_call_output", "call_id": "c2", "output": [{ "type": "input_text", "text": "rain" }] },
            { "role": "developer", "content": "Go on." },
        ],
        "tools": [{ "type": "function", "name": "weather", "parameters": { "type": "object" }, "strict": false }],
        "tool_choice": { "type": "function", "name": "weather" },
        "text": { "format": { "type": "json_schema", "name": "out", "schema": { "type": "object" }, "strict": true }, "verbosity": "low" },
        "reasoning": { "effort": "high", "summary": "auto" },
        "max_output_tokens": 9, "parallel_tool_calls": true, "store": false, "stream": true,
        "include": ["reasoning.encrypted_content"], "background": false,
    });
    let file = Media::Base64 {
        media_type: "text/plain".into(),
        data: "YWJj".into(),
    };
    let expected = ChatRequest {
        model: "gpt".into(),
        messages: vec![
            turn(Role::System, vec![Part::text("Be brief.")]),
            turn(
                Role::User,
                vec![
                    Part::text("What?"),
                    Part::Image(Media::Url("https://x.org/a.png".into())),
                    Part::File {
                        name: Some("a.txt".into()),
                        media: file,
                    },
                ],
            ),
            turn(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "hm".into(),
                        signature: Some("sig".into()),
                    },
                    Part::RedactedThinking("xx".into()),
                    Part::text("Let me see."),
                    tool_call("c1", "{}"),
                    tool_call("c2", "{}"),
                ],
            ),
            turn(
                Role::Tool,
                vec![result("c1", "sunny"), result("c2", "rain")],
            ),
            turn(Role::System, vec![Part::text("Go on.")]),
        ],
        tools: vec![ToolDef {
            name: "weather".into(),
            description: None,
            parameters: json!({ "type": "object" }),
            strict: Some(false),
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Tool("weather".into())),
        parallel_tool_calls: Some(true),
        format: Format::JsonSchema {
            name: "out".into(),
            description: None,
            schema: json!({ "type": "object" }),
            strict: Some(true),
        },
        max_tokens: Some(9),
        reasoning: Some(Reasoning::Effort("high".into())),
        stream: true,
        ..ChatRequest::default()
    };
    assert_eq!(read_request(&body).unwrap(), expected);
    let short = read_request(&json!({ "model": "m", "input": "hi" })).unwrap();
    assert_eq!(short.messages, [turn(Role::User, vec![Part::text("hi")])]);
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let with = |field: &str, value: Value| {
        let mut body = json!({ "model": "m", "input": "hi" });
        body[field] = value;
        read_request(&body).map(|_| ()).unwrap_err().param
    };
    for (field, value, param) in [
        ("input", json!(null), "input"),
        (
            "input",
            json!([{ "type": "item_reference", "id": "x" }]),
            "input[0].type",
        ),
        (
            "input",
            json!([{ "role": "user", "content": [{ "type": "input_image", "file_id": "f" }] }]),
            "input[0].content[0].file_id",
        ),
        (
            "input",
            json!([{ "type": "function_call_output", "output": "x" }]),
            "input[0].call_id",
        ),
        ("tools", json!([{ "type": "web_search" }]), "tools[0].type"),
        ("tool_choice", json!({ "type": "mcp" }), "tool_choice.type"),
        (
            "text",
            json!({ "format": { "type": "xml" } }),
            "text.format.type",
        ),
        (
            "previous_response_id",
            json!("resp_1"),
            "previous_response_id",
        ),
        ("conversation", json!("conv_1"), "conversation"),
        ("prompt", json!({ "id": "p" }), "prompt"),
        ("background", json!(true), "background"),
    ] {
        assert_eq!(with(field, value), param);
    }
}

#[test]
fn an_answer_is_written_in_full() {
    let parts = vec![
        Part::Thinking {
            text: "hm".into(),
            signature: Some("sig".into()),
        },
        Part::text("Hi"),
        tool_call("c1", "{ }"),
    ];
    let body = write_answer(&meta(), &answer(parts, Finish::ToolCalls));
    assert_eq!(
        body["output"],
        json!([
            { "id": "rs_r1_0", "type": "reasoning", "status": "completed",
              "summary": [{ "type": "summary_text", "text": "hm" }], "encrypted_content": "sig" },
            { "id": "msg_r1_1", "type": "message", "status": "completed", "role": "assistant",
              "content": [{ "type": "output_text", "text": "Hi", "annotations": [], "logprobs": [] }] },
            { "id": "fc_r1_2", "type": "function_call", "status": "completed", "call_id": "c1", "name": "weather", "arguments": "{ }" },
        ])
    );
    assert_eq!(
        (&body["id"], &body["status"]),
        (&json!("resp_r1"), &json!("completed"))
    );
    assert_eq!(
        body["usage"],
        json!({
            "input_tokens": 12, "input_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 0 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 19,
        })
    );
    let cut = write_answer(&meta(), &answer(Vec::new(), Finish::Length));
    assert_eq!(cut["status"], "incomplete");
    assert_eq!(
        cut["incomplete_details"],
        json!({ "reason": "max_output_tokens" })
    );
}

#[test]
fn a_stream_has_every_event_in_order() {
    let pieces = [
        Piece::Thinking("hm".into()),
        Piece::Signature("sig".into()),
        Piece::Text("Hi".into()),
        Piece::Text("!".into()),
        call(0, "c1", "weather"),
        arguments(0, "{}"),
    ];
    let signed = Part::Thinking {
        text: "hm".into(),
        signature: Some("sig".into()),
    };
    let parts = vec![signed, Part::text("Hi!"), tool_call("c1", "{}")];
    let answer = answer(parts, Finish::ToolCalls);
    let stream = encode(Dialect::Responses, &pieces, &answer);
    let names: Vec<String> = events(&stream).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let said = data(&stream);
    for (number, (event, name)) in said.iter().zip(&names).enumerate() {
        assert_eq!(
            (&event["sequence_number"], &event["type"]),
            (&json!(number), &json!(name))
        );
    }
    assert_eq!(
        said[12],
        json!({
            "type": "response.output_text.done", "sequence_number": 12, "item_id": "msg_r1_1",
            "output_index": 1, "content_index": 0, "text": "Hi!", "logprobs": [],
        })
    );
    assert_eq!(
        said[16],
        json!({
            "type": "response.function_call_arguments.delta", "sequence_number": 16,
            "item_id": "fc_r1_2", "output_index": 2, "delta": "{}",
        })
    );
    // What was streamed is what is said at the end, and what is said at once.
    assert_eq!(said[19]["response"], write_answer(&meta(), &answer));
    assert_eq!(said[18]["item"], said[19]["response"]["output"][2]);
}

#[test]
fn a_stream_that_breaks_off_says_so_and_is_not_completed() {
    let mut encoder = encoder(meta());
    let mut out = String::new();
    encoder.start(&Usage::default(), &mut out);
    encoder.piece(&Piece::Text("It".into()), &mut out);
    let trouble = Trouble {
        status: 502,
        message: "the provider broke off".into(),
        param: None,
        code: None,
    };
    encoder.fail(&trouble, &mut out);
    let said = data(&out);
    let [.., error, failed] = said.as_slice() else {
        panic!()
    };
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("server_error"))
    );
    assert_eq!(
        (&failed["type"], &failed["response"]["status"]),
        (&json!("response.failed"), &json!("failed"))
    );
    assert_eq!(
        failed["response"]["error"]["message"],
        "the provider broke off"
    );
    assert!(!out.contains("response.completed"));
}
