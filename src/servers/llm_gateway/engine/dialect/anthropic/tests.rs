mod requests;

use serde_json::json;

use super::*;
use crate::servers::llm_gateway::engine::{
    chat::{Finish, Part, Piece, ToolCall, Usage},
    dialect::{
        Dialect, Trouble,
        tests::{answer, arguments, call, data, decode, encode, events, meta},
    },
    failure::Kind,
};

pub fn tool_call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: arguments.into(),
    })
}

#[test]
fn an_answer_is_written_in_full() {
    let mut answer = answer(
        vec![Part::text("Hi"), tool_call("c1", "")],
        Finish::StopSequence,
    );
    answer.stop_sequence = Some("END".into());
    answer.usage = Usage {
        input: Some(100),
        cached: Some(20),
        written: Some(30),
        written_1h: Some(10),
        output: Some(7),
        reasoning: None,
    };
    assert_eq!(
        write_answer(&meta(), &answer),
        json!({
            "id": "msg_r1", "type": "message", "role": "assistant", "model": "m",
            "content": [
                { "type": "text", "text": "Hi" },
                { "type": "tool_use", "id": "c1", "name": "weather", "input": {} },
            ],
            "stop_reason": "stop_sequence", "stop_sequence": "END",
            "usage": {
                "input_tokens": 50, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 20,
                "cache_creation": { "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10 },
                "output_tokens": 7,
            },
        })
    );
}

#[test]
fn a_stream_opens_and_closes_its_blocks_in_order() {
    let pieces = [
        Piece::Thinking("hm".into()),
        Piece::Signature("s".into()),
        Piece::RedactedThinking("xx".into()),
        Piece::Text("Hi".into()),
        call(0, "a", "f"),
        arguments(0, "{\"x\":"),
        call(1, "b", "g"),
        arguments(1, "{"),
        arguments(0, "1}"),
        arguments(1, "}"),
    ];
    let stream = encode(
        Dialect::Anthropic,
        &pieces,
        &answer(Vec::new(), Finish::ToolCalls),
    );
    let said: Vec<String> = data(&stream)
        .iter()
        .map(|event| {
            let word = |pointer: &str| event.pointer(pointer).map(|value| format!(" {value}"));
            let kind = event["type"].as_str().unwrap();
            [
                word("/index"),
                word("/content_block/type"),
                word("/delta/type"),
                word("/delta/partial_json"),
            ]
            .into_iter()
            .flatten()
            .fold(kind.to_owned(), |line, more| line + &more)
        })
        .collect();
    assert_eq!(
        said,
        [
            "message_start",
            "content_block_start 0 \"thinking\"",
            "content_block_delta 0 \"thinking_delta\"",
            "content_block_delta 0 \"signature_delta\"",
            "content_block_stop 0",
            "content_block_start 1 \"redacted_thinking\"",
            "content_block_stop 1",
            "content_block_start 2 \"text\"",
            "content_block_delta 2 \"text_delta\"",
            "content_block_stop 2",
            "content_block_start 3 \"tool_use\"",
            "content_block_delta 3 \"input_json_delta\" \"{\\\"x\\\":\"",
            "content_block_delta 3 \"input_json_delta\" \"1}\"",
            "content_block_stop 3",
            "content_block_start 4 \"tool_use\"",
            "content_block_delta 4 \"input_json_delta\" \"{\"",
            "content_block_delta 4 \"input_json_delta\" \"}\"",
            "content_block_stop 4",
            "message_delta",
            "message_stop",
        ]
    );
    for (name, data) in events(&stream) {
        assert!(data.starts_with(&format!("{{\"type\":\"{name}\"")));
    }
}

#[test]
fn a_stream_that_breaks_off_says_so_and_does_not_stop() {
    let mut encoder = encoder(meta());
    let mut out = String::new();
    encoder.start(&Usage::default(), &mut out);
    encoder.piece(&Piece::Text("It".into()), &mut out);
    let trouble = Trouble {
        status: 529,
        message: "Overloaded".into(),
        param: None,
        code: None,
    };
    encoder.fail(&trouble, &mut out);
    let (name, data) = events(&out).pop().unwrap();
    assert_eq!(name, "error");
    assert_eq!(
        data,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r1"}"#
    );
    assert!(!out.contains("message_stop") && !out.contains("message_delta"));
}

#[test]
fn a_providers_stream_is_read() {
    let stream = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40},"output_tokens":1}}}

event: ping
data: {"type": "ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{"a":1}}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}}

event: message_stop
data: {"type":"message_stop"}

"#;
    let (pieces, answer) = decode(decoder().as_mut(), stream);
    assert_eq!(
        pieces,
        [
            Piece::Thinking("hm".into()),
            Piece::Signature("sig".into()),
            call(0, "t1", "f"),
            arguments(0, "{}"),
            call(1, "t2", "g"),
            arguments(1, "{\"a\":1}"),
        ]
    );
    let usage = Usage {
        input: Some(1110),
        cached: Some(1000),
        written: Some(100),
        written_1h: Some(40),
        output: Some(42),
        reasoning: None,
    };
    assert_eq!((answer.finish, answer.usage), (Finish::ToolCalls, usage));
    assert_eq!(answer.model.as_deref(), Some("claude-x"));
}

#[test]
fn errors_inside_a_stream_are_failures() {
    let mut decoder = decoder();
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let failure = decoder.event("error", error, &mut Vec::new()).unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::Overloaded, "Overloaded")
    );
    assert!(decoder.event("ping", "{", &mut Vec::new()).is_err());
    assert!(!decoder.is_done());
    assert!(read_answer(&json!({ "type": "message" })).is_err());
}
