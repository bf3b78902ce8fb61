//! Against a socket that speaks as Gemini does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    super::{
        chat::{
            Finish, Format, Media, Message, Part, Piece, Reasoning, Role, ToolCall, ToolChoice,
            ToolDef, Usage,
        },
        http::{
            address,
            script::{
                KEY, Script, Step, ended, json as answer, key_file, open_stream, short, stream,
            },
        },
    },
    *,
};

fn foreign(script: &Script) -> Foreign {
    speaking(script, AdapterKind::Gemini)
}

fn speaking(script: &Script, adapter: AdapterKind) -> Foreign {
    let base = address::check_url(&script.base).unwrap();
    let keeper = Keeper::new(None, Some(key_file()));
    Foreign::new(adapter, base, keeper, short(), Reach::Public)
}

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn request(stream: bool) -> ChatRequest {
    ChatRequest {
        model: "gemini-x".into(),
        messages: vec![
            turn(Role::System, vec![Part::text("be brief")]),
            turn(Role::User, vec![Part::text("hi")]),
        ],
        stream,
        ..ChatRequest::default()
    }
}

fn chunk(parts: Value, finish: Option<&str>) -> String {
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" } });
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let usage = json!({"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 2, "cachedContentTokenCount": 3});
    format!(
        "data: {}\n\n",
        json!({ "candidates": [candidate], "usageMetadata": usage })
    )
}

async fn streamed(steps: Vec<Step>) -> (Result<ChatAnswer, Failure>, Vec<Piece>) {
    let script = Script::new(move |_| steps.clone()).await;
    let (send, mut receive) = mpsc::channel(100);
    let answer = foreign(&script).ask(&request(true), Some(send)).await;
    let mut pieces = Vec::new();
    while let Some(piece) = receive.recv().await {
        pieces.push(piece);
    }
    (answer, pieces)
}

const TOLD: Usage = Usage {
    input: Some(9),
    cached: Some(3),
    written: None,
    written_1h: None,
    output: Some(6),
    reasoning: Some(2),
};

#[tokio::test]
async fn a_request_keeps_its_tools_images_and_wishes() {
    let body = json!({"candidates": [{"content": {"parts": [{"text": " {} "}]}, "finishReason": "STOP"}], "modelVersion": "gemini-x-001",
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 2, "cachedContentTokenCount": 3}});
    let script = Script::new(move |_| answer(200, "", &body.to_string())).await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let call = ToolCall {
        id: "c1".into(),
        name: "weather".into(),
        arguments: "{\"city\":\"Paris\"}".into(),
    };
    let mut request = request(false);
    let png = Media::Base64 {
        media_type: "image/png".into(),
        data: "AAAA".into(),
    };
    request
        .messages
        .push(turn(Role::User, vec![Part::Image(png)]));
    request
        .messages
        .push(turn(Role::Assistant, vec![Part::ToolCall(call)]));
    let result = Part::ToolResult {
        id: "c1".into(),
        content: vec![Part::text("12")],
        failed: true,
    };
    request.messages.push(turn(Role::Tool, vec![result]));
    request.tools = vec![ToolDef {
        name: "weather".into(),
        description: Some("d".into()),
        parameters: schema.clone(),
        strict: None,
        cache: None,
    }];
    request.tool_choice = Some(ToolChoice::Tool("weather".into()));
    request.format = Format::JsonSchema {
        name: "n".into(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    (request.temperature, request.max_tokens, request.seed) = (Some(0.5), Some(7), Some(3));
    request.stop = vec!["END".into()];
    request.reasoning = Some(Reasoning::Budget(99));
    let said = foreign(&script).ask(&request, None).await.unwrap();
    assert_eq!(
        (said.text().as_str(), said.finish, said.usage),
        (" {} ", Finish::Stop, TOLD)
    );
    assert_eq!(said.model.as_deref(), Some("gemini-x-001"));

    let asked = script.last();
    assert!(
        asked
            .head
            .starts_with("post /v1/models/gemini-x:generatecontent"),
        "{}",
        asked.head
    );
    assert!(asked.head.contains(&format!("x-goog-api-key: {KEY}")));
    let sent: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(sent["systemInstruction"]["parts"][0]["text"], "be brief");
    assert_eq!(
        sent["contents"][1]["parts"][0]["inline_data"],
        json!({"mime_type": "image/png", "data": "AAAA"})
    );
    assert_eq!(
        sent["contents"][2]["parts"][0]["functionCall"]["args"],
        json!({"city": "Paris"})
    );
    let response = &sent["contents"][3]["parts"][0]["functionResponse"];
    assert_eq!(
        (&response["name"], &response["response"]["content"]),
        (&json!("weather"), &json!("Error: 12"))
    );
    assert_eq!(
        sent["tools"][0]["functionDeclarations"][0]["name"],
        "weather"
    );
    assert_eq!(
        sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"],
        json!(["weather"])
    );
    let config = &sent["generationConfig"];
    assert_eq!(
        (
            &config["temperature"],
            &config["maxOutputTokens"],
            &config["seed"]
        ),
        (&json!(0.5), &json!(7), &json!(3))
    );
    assert_eq!(
        (&config["stopSequences"], &config["responseJsonSchema"]),
        (&json!(["END"]), &schema)
    );
    assert_eq!(
        config["thinkingConfig"],
        json!({"thinkingBudget": 99, "includeThoughts": true})
    );
}

#[tokio::test]
async fn a_stream_comes_in_pieces_with_numbered_calls() {
    let text = [
        chunk(json!([{"text": "hm", "thought": true}]), None),
        chunk(json!([{"text": "Let"}]), None),
        chunk(json!([{"text": " me"}]), None),
        chunk(
            json!([{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"}]),
            None,
        ),
        chunk(
            json!([{"functionCall": {"name": "f", "args": {}}}]),
            Some("STOP"),
        ),
    ]
    .concat();
    let (said, pieces) = streamed(stream(&text)).await;
    let said = said.unwrap();
    assert_eq!(
        (said.text().as_str(), said.finish, said.usage),
        ("Let me", Finish::ToolCalls, TOLD)
    );
    let calls: Vec<&ToolCall> = said.tool_calls().collect();
    assert_eq!(
        (calls[0].arguments.as_str(), calls[1].arguments.as_str()),
        ("{\"a\":1}", "{}")
    );
    assert_ne!(calls[0].id, calls[1].id);
    let begun = |index: usize| Piece::ToolCall {
        index,
        id: calls[index].id.clone(),
        name: "f".into(),
    };
    let expected = [
        Piece::Thinking("hm".into()),
        Piece::Text("Let".into()),
        Piece::Text(" me".into()),
        begun(0),
        Piece::Arguments {
            index: 0,
            text: "{\"a\":1}".into(),
        },
        begun(1),
        Piece::Arguments {
            index: 1,
            text: "{}".into(),
        },
    ];
    assert_eq!(pieces, expected);
}

#[tokio::test]
async fn a_stream_without_its_end_is_no_answer() {
    let text = chunk(json!([{"text": "Hel"}]), None);
    let mut hung = open_stream("", [text.as_bytes()]);
    hung.push(Step::Hang);
    for (steps, kind) in [
        (stream(&text), Kind::Truncated),
        (hung, Kind::TimedOut),
        (ended(open_stream("", [])), Kind::Truncated),
    ] {
        let (said, _) = streamed(steps).await;
        let failure = said.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.partial.is_none_or(|partial| partial.text == "Hel"));
    }
}

#[tokio::test]
async fn failures_keep_their_meaning_and_lose_the_key() {
    let body = json!({"error": {"code": 429, "message": format!("slow down, {KEY}"), "status": "RESOURCE_EXHAUSTED"}});
    let limited = answer(429, "retry-after: 7\r\n", &body.to_string());
    for stream in [false, true] {
        let steps = limited.clone();
        let script = Script::new(move |_| steps.clone()).await;
        let failure = foreign(&script)
            .ask(&request(stream), None)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.kind, failure.status, failure.retry_after),
            (Kind::RateLimited, Some(429), Some(Duration::from_secs(7)))
        );
        assert_eq!(
            (failure.message.as_str(), failure.code.as_deref()),
            ("slow down, ***", Some("RESOURCE_EXHAUSTED"))
        );
    }
}

#[tokio::test]
async fn a_name_that_would_lose_its_end_is_refused() {
    let script = Script::new(|_| vec![Step::Close]).await;
    let named = ChatRequest {
        model: "gemini-max".into(),
        ..request(false)
    };
    let provider = foreign(&script);
    assert_eq!(
        provider.ask(&named, None).await.unwrap_err().kind,
        Kind::BadRequest
    );
    assert!(script.asked.lock().unwrap().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn whoever_goes_away_takes_the_connection_along() {
    let script = Script::new(|_| vec![Step::Hang]).await;
    let provider = foreign(&script);
    let asked = request(true);
    script.give_up(provider.chat(&asked, None)).await;
    script.gone().await;
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_inputs() {
    let body = json!({"embeddings": [{"values": [0.0, 0.5]}, {"values": [1.0, 0.5]}]});
    let script = Script::new(move |_| answer(200, "", &body.to_string())).await;
    let request = EmbedRequest {
        model: "e".into(),
        inputs: vec!["a".into(), "b".into()],
        dimensions: None,
    };
    let answer = foreign(&script).embed(&request).await.unwrap();
    assert_eq!(answer.vectors, [[0.0, 0.5], [1.0, 0.5]]);
    assert!(
        script
            .last()
            .head
            .starts_with("post /v1/models/e:batchembedcontents")
    );
}

#[tokio::test]
async fn clouds_are_asked_where_they_are() {
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
    let bedrock = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#;
    for (adapter, body, path) in [
        (
            AdapterKind::Vertex,
            gemini,
            "/v1/publishers/google/models/gemini-x:generatecontent",
        ),
        (
            AdapterKind::BedrockApi,
            bedrock,
            "/v1/model/gemini-x/converse",
        ),
    ] {
        let script = Script::new(move |_| answer(200, "", body)).await;
        let said = speaking(&script, adapter)
            .ask(&request(false), None)
            .await
            .unwrap();
        assert_eq!((said.text().as_str(), said.finish), ("Hello", Finish::Stop));
        assert_eq!((said.usage.input, said.usage.output), (Some(3), Some(2)));
        let head = script.last().head;
        assert!(head.starts_with(&format!("post {path} ")), "{head}");
        assert!(head.contains(&format!("authorization: bearer {KEY}")));
    }
}
