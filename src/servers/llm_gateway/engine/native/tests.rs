//! Against a socket that speaks the dialects.

use tokio::sync::mpsc;

use super::{
    super::{
        chat::{Finish, Message, Part, Piece, Role, Usage},
        http::{
            Auth,
            script::{KEY, Script, Step, json, open_stream, stream},
        },
    },
    *,
};

const OPENAI: Tongue = Tongue::Openai {
    stream_options: true,
};

fn native(script: &Script, tongue: Tongue) -> Native {
    let auth = if tongue == Tongue::Anthropic {
        Auth::Anthropic
    } else {
        Auth::Bearer
    };
    Native::new(script.http(auth), tongue, Responses::Unknown)
}

fn request(stream: bool) -> ChatRequest {
    ChatRequest {
        model: "m".into(),
        messages: vec![Message {
            role: Role::User,
            parts: vec![Part::text("hi")],
        }],
        stream,
        ..ChatRequest::default()
    }
}

fn relayed(operation: Operation) -> Relay {
    Relay {
        operation,
        body: Bytes::from_static(
            b"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        ),
        headers: HeaderMap::new(),
        stream: true,
        include_usage: false,
    }
}

async fn heard(steps: Vec<Step>, tongue: Tongue) -> (Result<ChatAnswer, Failure>, Vec<Piece>) {
    let script = Script::new(move |_| steps.clone()).await;
    let (send, mut receive) = mpsc::channel(100);
    let answer = native(&script, tongue)
        .ask(&request(true), Some(send))
        .await;
    let mut pieces = Vec::new();
    while let Some(piece) = receive.recv().await {
        pieces.push(piece);
    }
    (answer, pieces)
}

const OPENAI_STREAM: &str = concat!(
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n",
);
const OPENAI_END: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
);
const ANTHROPIC_STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c-1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
);
const ANTHROPIC_END: &str = concat!(
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":2}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

#[tokio::test]
async fn both_dialects_are_heard_to_their_end() {
    let usage = Usage {
        input: Some(3),
        output: Some(2),
        ..Usage::default()
    };
    let done = [OPENAI_STREAM, OPENAI_END, "data: [DONE]\n\n"].concat();
    let mut hung = open_stream("", [done.as_bytes()]);
    hung.push(Step::Hang);
    for (steps, tongue) in [
        (stream(&done), OPENAI),
        (stream(&[OPENAI_STREAM, OPENAI_END].concat()), OPENAI),
        (hung, OPENAI),
        (
            stream(&[ANTHROPIC_STREAM, ANTHROPIC_END].concat()),
            Tongue::Anthropic,
        ),
    ] {
        let (answer, pieces) = heard(steps, tongue).await;
        let answer = answer.unwrap();
        assert_eq!(
            (answer.text().as_str(), answer.finish),
            ("Hello", Finish::Length)
        );
        assert_eq!(
            (answer.usage.input, answer.usage.output),
            (usage.input, usage.output)
        );
        let said = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(said.collect::<String>(), "Hello");
    }
}

#[tokio::test]
async fn what_breaks_off_tells_what_had_come() {
    let error =
        format!("data: {{\"error\":{{\"message\":\"no {KEY}\",\"type\":\"server_error\"}}}}\n\n");
    for (text, tongue, kind, message) in [
        (
            OPENAI_STREAM.to_owned(),
            OPENAI,
            Kind::Truncated,
            "the answer broke off before its end",
        ),
        (
            ANTHROPIC_STREAM.to_owned(),
            Tongue::Anthropic,
            Kind::Truncated,
            "the answer broke off before its end",
        ),
        (
            [OPENAI_STREAM, &error].concat(),
            OPENAI,
            Kind::Broken,
            "no ***",
        ),
    ] {
        let failure = heard(stream(&text), tongue).await.0.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
        assert_eq!(failure.partial.unwrap().text, "Hello");
    }
    let failure = heard(stream(&error), OPENAI).await.0.unwrap_err();
    assert_eq!(failure.partial, None, "another provider can take over");
}

#[tokio::test]
async fn whole_answers_and_refusals_come_through() {
    let body = r#"{"model":"m-1","choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let refusal =
        r#"{"error":{"message":"too long","param":"messages","code":"context_length_exceeded"}}"#;
    let script = Script::new(move |asked| {
        if asked.body.contains("\"bad\"") {
            json(400, "", refusal)
        } else {
            json(200, "", body)
        }
    })
    .await;
    let native = native(&script, OPENAI);
    assert_eq!(
        native.ask(&request(false), None).await.unwrap().text(),
        "Hello"
    );
    let bad = ChatRequest {
        model: "bad".into(),
        ..request(false)
    };
    let failure = native.ask(&bad, None).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_deref()),
        (Kind::BadRequest, Some("context_length_exceeded"))
    );
}

#[tokio::test]
async fn vectors_come_one_an_input() {
    let body = r#"{"data":[{"index":1,"embedding":[1.0]},{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3}}"#;
    let script = Script::new(move |_| json(200, "", body)).await;
    let embed = |inputs: &[&str]| EmbedRequest {
        model: "e".into(),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        dimensions: None,
    };
    let openai = native(&script, OPENAI);
    assert_eq!(
        openai.embed(&embed(&["a", "b"])).await.unwrap().vectors,
        [[0.5], [1.0]]
    );
    assert_eq!(
        openai.embed(&embed(&["a"])).await.unwrap_err().kind,
        Kind::Broken
    );
    let anthropic = native(&script, Tongue::Anthropic)
        .embed(&embed(&["a"]))
        .await;
    assert_eq!(anthropic.unwrap_err().kind, Kind::NoSuchOperation);
}

#[tokio::test]
async fn a_provider_is_asked_once_whether_it_speaks_responses() {
    for (status, body, remembered) in [
        (404, "<html>not found</html>", true),
        (405, r#"{"detail":"Method Not Allowed"}"#, true),
        (
            404,
            r#"{"error":{"message":"no such model","code":"model_not_found"}}"#,
            false,
        ),
        (500, "{}", false),
    ] {
        let script = Script::new(move |_| json(status, "", body)).await;
        let native = native(&script, OPENAI);
        assert!(native.relays(Operation::Responses));
        let failure = native
            .relay(relayed(Operation::Responses))
            .await
            .err()
            .unwrap();
        assert_eq!(failure.kind == Kind::NoSuchOperation, remembered, "{body}");
        assert_eq!(native.relays(Operation::Responses), !remembered);
        if remembered {
            let failure = native
                .relay(relayed(Operation::Responses))
                .await
                .err()
                .unwrap();
            assert_eq!(failure.kind, Kind::NoSuchOperation);
            assert_eq!(script.asked.lock().unwrap().len(), 1, "not asked again");
        }
    }
}

#[tokio::test]
async fn who_refuses_stream_options_gets_none() {
    let script = Script::new(|_| stream(&[OPENAI_STREAM, OPENAI_END].concat())).await;
    let mistral = native(
        &script,
        Tongue::Openai {
            stream_options: false,
        },
    );
    assert!(
        mistral
            .relay(relayed(Operation::ChatCompletions))
            .await
            .is_ok()
    );
    assert_eq!(script.last().body, "{\"model\":\"m\",\"stream\":true}");
    mistral.ask(&request(true), None).await.unwrap();
    assert!(!script.last().body.contains("stream_options"));
    assert!(
        native(&script, OPENAI)
            .relay(relayed(Operation::ChatCompletions))
            .await
            .is_ok()
    );
    assert!(script.last().body.contains("stream_options"));
}
