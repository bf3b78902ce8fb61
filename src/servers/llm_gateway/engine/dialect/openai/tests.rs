mod requests;

use serde_json::{Value, json};

use super::*;
use crate::servers::llm_gateway::engine::{
    chat::{Finish, Part, Piece, ToolCall, Usage},
    dialect::{
        Decoder, Dialect, Trouble,
        tests::{answer, arguments, call, data, encode, meta},
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
    let parts = vec![
        Part::text("It is "),
        Part::text("sunny."),
        tool_call("c1", "{ }"),
    ];
    assert_eq!(
        write_answer(&meta(), &answer(parts, Finish::ToolCalls)),
        json!({
            "id": "chatcmpl-r1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant", "content": "It is sunny.", "refusal": null,
                    "tool_calls": [{ "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "{ }" } }],
                },
            }],
            "usage": {
                "prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19,
                "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens_details": {},
            },
        })
    );
}

#[test]
fn a_stream_is_written_chunk_by_chunk() {
    let pieces = [
        Piece::Text("It".into()),
        call(0, "c1", "weather"),
        arguments(0, "{}"),
    ];
    let end = answer(
        vec![Part::text("It"), tool_call("c1", "{}")],
        Finish::ToolCalls,
    );
    let stream = encode(Dialect::Openai, &pieces, &end);
    assert!(stream.ends_with("\n\ndata: [DONE]\n\n"));
    let chunks = data(&stream);
    let deltas: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk.pointer("/choices/0/delta"))
        .collect();
    assert_eq!(
        json!(deltas),
        json!([
            { "role": "assistant", "content": "" },
            { "content": "It" },
            { "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "" } }] },
            { "tool_calls": [{ "index": 0, "function": { "arguments": "{}" } }] },
            {},
        ])
    );
    let [.., finish, usage] = chunks.as_slice() else {
        panic!()
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        (&finish["usage"], &usage["choices"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(usage["usage"]["total_tokens"], 19);
}

#[test]
fn a_stream_that_breaks_off_says_so_and_is_not_done() {
    let mut meta = meta();
    meta.include_usage = false;
    let mut encoder = encoder(meta);
    let mut out = String::new();
    encoder.piece(&Piece::Text("It".into()), &mut out);
    encoder.fail(
        &Trouble {
            status: 502,
            message: "the provider broke off".into(),
            param: None,
            code: None,
        },
        &mut out,
    );
    let chunks = data(&out);
    assert_eq!(chunks[1]["error"]["message"], "the provider broke off");
    assert!(!out.contains("[DONE]") && !out.contains("usage"));
}

/// Reads chunks with these choices or fields.
fn read(chunks: &[Value]) -> (Vec<Piece>, Box<dyn Decoder>) {
    let (mut decoder, mut pieces) = (decoder(), Vec::new());
    for chunk in chunks {
        decoder.event("", &chunk.to_string(), &mut pieces).unwrap();
    }
    (pieces, decoder)
}

fn delta(delta: Value) -> Value {
    json!({ "id": "x1", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }], "usage": null })
}

fn tool(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let function = json!({ "name": name, "arguments": arguments });
    delta(json!({ "tool_calls": [{ "index": index, "id": id, "function": function }] }))
}

#[test]
fn servers_that_only_resemble_openai_are_understood() {
    let expected = [
        call(0, "a", "f"),
        arguments(0, "{}"),
        call(1, "b", "g"),
        arguments(1, "{\"x\":"),
        arguments(1, "1}"),
    ];
    // As OpenAI does it; all under one index; without any; with ids and names repeated.
    for chunks in [
        [
            tool(Some(0), Some("a"), Some("f"), "{}"),
            tool(Some(1), Some("b"), Some("g"), "{\"x\":"),
            tool(Some(1), None, None, "1}"),
        ],
        [
            tool(Some(0), Some("a"), Some("f"), "{}"),
            tool(Some(0), Some("b"), Some("g"), "{\"x\":"),
            tool(Some(0), None, None, "1}"),
        ],
        [
            tool(None, Some("a"), Some("f"), "{}"),
            tool(None, Some("b"), Some("g"), "{\"x\":"),
            tool(None, None, None, "1}"),
        ],
        [
            tool(Some(0), Some("a"), Some("f"), "{}"),
            tool(Some(1), Some("b"), Some("g"), "{\"x\":"),
            tool(Some(1), Some("b"), Some("g"), "1}"),
        ],
    ] {
        assert_eq!(read(&chunks).0, expected);
    }
    // Without ids.
    let (pieces, _) = read(&[
        tool(None, None, Some("f"), "{}"),
        tool(None, None, Some("f"), "{}"),
    ]);
    assert_eq!(
        (&pieces[0], &pieces[2]),
        (&call(0, "call_x1_0", "f"), &call(1, "call_x1_1", "f"))
    );
}

#[test]
fn a_stream_may_end_without_done() {
    let end = json!({
        "model": "m-1", "choices": [{ "delta": { "content": "!" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": { "cached_tokens": 1 } },
    });
    let thought = delta(json!({ "reasoning_content": "hm" }));
    let (_, mut decoder) = read(&[thought, delta(json!({ "content": "hi" }))]);
    assert!(!decoder.is_done());
    decoder
        .event("", &end.to_string(), &mut Vec::new())
        .unwrap();
    assert!(decoder.is_done());
    let answer = decoder.answer();
    assert_eq!(answer.text(), "hi!");
    assert!(matches!(&answer.parts[0], Part::Thinking { text, .. } if text == "hm"));
    let usage = Usage {
        input: Some(3),
        cached: Some(1),
        output: Some(2),
        ..Usage::default()
    };
    assert_eq!((answer.finish, answer.usage), (Finish::Stop, usage));
    assert_eq!(answer.model.as_deref(), Some("m-1"));
}

#[test]
fn content_may_come_in_parts() {
    let thinking = json!({ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] });
    let text = json!({ "type": "text", "text": "hi" });
    let expected = [Piece::Thinking("hm".into()), Piece::Text("hi".into())];
    let parts = json!({ "content": [thinking, text] });
    assert_eq!(read(&[delta(parts.clone())]).0, expected);
    let whole = read_answer(&json!({ "choices": [{ "message": parts }] })).unwrap();
    assert_eq!((whole.parts.len(), whole.text().as_str()), (2, "hi"));
}

#[test]
fn a_whole_answer_may_be_loose_too() {
    let call = |id: &str| json!({ "id": id, "function": { "name": "f", "arguments": { "x": 1 } } });
    let message = json!({ "content": "", "tool_calls": [call(""), call("")] });
    let body = json!({ "id": "x1", "choices": [{ "message": message, "finish_reason": "stop" }] });
    let answer = read_answer(&body).unwrap();
    let calls: Vec<_> = answer
        .tool_calls()
        .map(|call| (call.id.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!(
        calls,
        [("call_x1_0", r#"{"x":1}"#), ("call_x1_1", r#"{"x":1}"#)]
    );
    assert_eq!(answer.finish, Finish::ToolCalls);
}

#[test]
fn errors_inside_a_stream_are_failures() {
    let mut decoder = decoder();
    let error = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
    let failure = decoder.event("", error, &mut Vec::new()).unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::RateLimited, "slow down")
    );
    assert!(decoder.event("", "{\"choices\":", &mut Vec::new()).is_err());
    let refused = json!({ "error": { "message": "no", "code": 402 } });
    assert_eq!(read_answer(&refused).unwrap_err().status, Some(402));
    assert!(read_answer(&json!({ "choices": [] })).is_err());
}
