use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    super::chat::{Finish, Part, Piece},
    *,
};

fn user(text: &str) -> Message {
    Message {
        role: Role::User,
        parts: vec![Part::text(text)],
    }
}

async fn answer(request: ChatRequest) -> (Result<ChatAnswer, Failure>, Vec<Piece>) {
    let (send, mut receive) = mpsc::channel(10_000);
    let answer = Mock::default().chat(&request, Some(send)).await;
    let mut pieces = Vec::new();
    while let Some(piece) = receive.recv().await {
        pieces.push(piece);
    }
    (answer, pieces)
}

async fn ask(
    model: &str,
    text: &str,
    change: impl Fn(&mut ChatRequest),
) -> (Result<ChatAnswer, Failure>, Vec<Piece>) {
    let mut request = ChatRequest {
        model: model.to_owned(),
        messages: vec![user(text)],
        stream: true,
        ..ChatRequest::default()
    };
    change(&mut request);
    answer(request).await
}

fn texts(pieces: &[&str]) -> Vec<Piece> {
    pieces
        .iter()
        .map(|piece| Piece::Text((*piece).to_owned()))
        .collect()
}

#[tokio::test]
async fn echo_says_it_again_piece_by_piece() {
    let (said, pieces) = ask("echo", "one two three", |_| {}).await;
    let said = said.unwrap();
    assert_eq!(
        (said.text().as_str(), said.finish),
        ("one two three", Finish::Stop)
    );
    assert_eq!(pieces, texts(&["one ", "two ", "three"]));
    assert_eq!((said.usage.input, said.usage.output), (Some(3), Some(3)));
    let (cut, pieces) = ask("echo", "one two three", |request| {
        request.max_tokens = Some(2);
    })
    .await;
    assert_eq!((cut.unwrap().finish, pieces.len()), (Finish::Length, 2));
    let (stopped, pieces) = ask("echo", "one two three", |request| {
        request.stop = vec!["wo".into()];
    })
    .await;
    let stopped = stopped.unwrap();
    assert_eq!(
        (stopped.text().as_str(), stopped.finish),
        ("one t", Finish::StopSequence)
    );
    assert_eq!(
        pieces,
        texts(&["one ", "t"]),
        "no more is given than is in the answer"
    );
    let (_, pieces) = ask("echo", "one", |request| request.stream = false).await;
    assert_eq!(pieces, []);
}

#[tokio::test]
async fn it_fails_as_told() {
    let failure = ask("echo:status=429,retry=7", "x", |_| {})
        .await
        .0
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.retry_after),
        (Kind::RateLimited, Some(Duration::from_secs(7)))
    );
    let failure = ask("lorem:tok=9,die=2", "x", |_| {}).await.0.unwrap_err();
    let partial = failure.partial.unwrap();
    assert_eq!(
        (failure.kind, partial.text.as_str()),
        (Kind::Truncated, "lorem ipsum ")
    );
    assert_eq!(partial.usage.output, Some(2));
    let failure = ask("lorem:die=0", "x", |_| {}).await.0.unwrap_err();
    assert_eq!(
        failure.partial, None,
        "before the first token another provider can take over"
    );
    assert_eq!(
        ask("nope", "x", |_| {}).await.0.unwrap_err().kind,
        Kind::NoSuchModel
    );
    assert_eq!(
        ask("echo:x", "x", |_| {}).await.0.unwrap_err().kind,
        Kind::BadRequest
    );
    let silent = ask("echo", "mock:nousage", |_| {}).await.0.unwrap();
    assert_eq!(silent.usage, Usage::default());
}

#[tokio::test]
async fn it_thinks_and_calls_a_tool_and_answers_what_the_tool_said() {
    let model = r#"echo:think=2,tool=get_weather,args={"city": "Paris"}"#;
    let (said, pieces) = ask(model, "hi", |_| {}).await;
    let said = said.unwrap();
    let call = said.tool_calls().next().unwrap().clone();
    assert_eq!(
        (call.name.as_str(), call.arguments.as_str()),
        ("get_weather", r#"{"city": "Paris"}"#)
    );
    assert_eq!(
        (said.finish, said.usage.reasoning),
        (Finish::ToolCalls, Some(2))
    );
    let expected = [
        Piece::Thinking("lorem ".into()),
        Piece::Thinking("ipsum".into()),
        Piece::ToolCall {
            index: 0,
            id: call.id.clone(),
            name: "get_weather".into(),
        },
        Piece::Arguments {
            index: 0,
            text: "{\"city\":".into(),
        },
        Piece::Arguments {
            index: 0,
            text: " \"Paris\"}".into(),
        },
    ];
    assert_eq!(pieces, expected);

    let turn = |role, part| Message {
        role,
        parts: vec![part],
    };
    let result = |text: &str| {
        let (id, content) = (call.id.clone(), vec![Part::text(text)]);
        turn(
            Role::Tool,
            Part::ToolResult {
                id,
                content,
                failed: false,
            },
        )
    };
    let messages = vec![
        user("hi"),
        turn(Role::Assistant, Part::ToolCall(call.clone())),
        result("12 °C"),
        result("rain"),
    ];
    let (end, _) = answer(ChatRequest {
        model: model.into(),
        messages,
        ..ChatRequest::default()
    })
    .await;
    let end = end.unwrap();
    assert_eq!(
        (end.text().as_str(), end.finish),
        ("12 °C\nrain", Finish::Stop)
    );

    let none = |request: &mut ChatRequest| request.tool_choice = Some(ToolChoice::None);
    assert_eq!(ask("echo:tool=f", "hi", none).await.0.unwrap().text(), "hi");
    assert_eq!(
        ask("echo", "mock:tool=f", |_| {})
            .await
            .0
            .unwrap()
            .tool_calls()
            .next()
            .unwrap()
            .arguments,
        "{}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_takes_its_time_as_told() {
    let start = tokio::time::Instant::now();
    ask("lorem:ttft=100,itl=10,tok=3", "x", |_| {})
        .await
        .0
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(120));
}

#[tokio::test]
async fn what_is_dropped_counts_as_cancelled() {
    let mock = Arc::new(Mock::default());
    let request = |model: &str| ChatRequest {
        model: model.into(),
        messages: vec![user("x")],
        ..ChatRequest::default()
    };
    mock.chat(&request("echo"), None).await.unwrap();
    let hung = request("echo:hang");
    let mut hanging = mock.chat(&hung, None);
    assert!(futures::poll!(&mut hanging).is_pending());
    assert_eq!(
        mock.counts(),
        Counts {
            active: 1,
            ended: 1,
            cancelled: 0
        }
    );
    drop(hanging);
    assert_eq!(
        mock.counts(),
        Counts {
            active: 0,
            ended: 1,
            cancelled: 1
        }
    );
}

#[tokio::test]
async fn vectors_depend_on_the_text_alone() {
    let request = |dimensions| EmbedRequest {
        model: "embed".into(),
        inputs: vec!["a".into(), "b".into(), "a".into()],
        dimensions,
    };
    let mock = Mock::default();
    let answer = mock.embed(&request(None)).await.unwrap();
    assert_eq!((answer.vectors[0].len(), answer.usage.input), (64, Some(3)));
    assert!(answer.vectors[0] == answer.vectors[2] && answer.vectors[0] != answer.vectors[1]);
    let length: f32 = answer.vectors[0].iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5);
    assert_eq!(
        mock.embed(&request(Some(100))).await.unwrap().vectors[0].len(),
        100
    );
}
