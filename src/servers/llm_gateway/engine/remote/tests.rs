//! Against a small server that speaks OpenAI's wire format.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::{StreamExt, stream};
use genai::adapter::AdapterKind;
use serde_json::{Value, json};

use super::{
    super::{
        failure::Kind,
        provider::{ChatRequest, EmbedRequest, Finish, Message, Provider, Role},
    },
    Access, Remote,
};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Value, String)>>>);

/// What the server does is named by the model.
async fn completions(
    State(seen): State<Seen>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = headers["authorization"].to_str().unwrap().to_owned();
    seen.0.lock().unwrap().push((body.clone(), key.clone()));
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 4}});
    let chunk = |delta: Value, finish: Value| json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let mut events = vec![
        chunk(json!({"role": "assistant", "content": ""}), Value::Null).to_string(),
        chunk(json!({"content": "Hel"}), Value::Null).to_string(),
        chunk(json!({"content": "lo"}), Value::Null).to_string(),
    ];
    match body["model"].as_str().unwrap() {
        "limited" => {
            let error =
                json!({"error": {"message": format!("slow down, {key}"), "type": "rate_limit"}});
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [("retry-after", "7")],
                Json(error),
            )
                .into_response();
        }
        "locked" => {
            return (
                StatusCode::UNAUTHORIZED,
                Json(json!({"error": {"message": "bad key"}})),
            )
                .into_response();
        }
        "elsewhere" => {
            return (StatusCode::FOUND, [("location", "http://169.254.169.254/")]).into_response();
        }
        "slow" => tokio::time::sleep(Duration::from_secs(30)).await,
        "broken" => {}
        _ if body["stream"] == json!(true) => {
            events.push(chunk(json!({}), json!("length")).to_string());
            events
                .push(json!({"id": "x", "model": "m", "choices": [], "usage": usage}).to_string());
            events.push("[DONE]".to_owned());
        }
        _ => {
            let message = json!({"role": "assistant", "content": "Hello"});
            return Json(json!({"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}))
                .into_response();
        }
    }
    let frames = events
        .into_iter()
        .map(|event| Ok::<_, Infallible>(Bytes::from(format!("data: {event}\n\n"))));
    let body = Body::from_stream(stream::iter(frames).then(async |frame| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        frame
    }));
    ([("content-type", "text/event-stream")], body).into_response()
}

async fn embeddings(Json(body): Json<Value>) -> Json<Value> {
    let count = body["input"].as_array().map_or(1, Vec::len);
    let data: Vec<Value> = (0..count)
        .rev()
        .map(|n| json!({"index": n, "embedding": [n as f32, 0.5]}))
        .collect();
    Json(json!({"model": "m", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}))
}

async fn server() -> (Remote, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route("/v1/chat/completions", post(completions))
        .route("/v1/embeddings", post(embeddings))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.keep().join("key");
    std::fs::write(&key_file, "sk-very-secret\n").unwrap();
    (
        Remote::new(access(format!("http://{address}/v1"), Some(key_file))),
        seen,
    )
}

fn access(base_url: String, key_file: Option<std::path::PathBuf>) -> Access {
    Access {
        adapter: AdapterKind::OpenAI,
        openai: true,
        base_url: Some(base_url),
        key_env: None,
        key_file,
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_millis(500),
    }
}

fn request(model: &str, stream: bool) -> ChatRequest {
    let message = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    ChatRequest {
        model: model.to_owned(),
        messages: vec![message(Role::System, "be brief"), message(Role::User, "hi")],
        temperature: Some(0.5),
        max_tokens: Some(9),
        stop: vec!["END".to_owned()],
        stream,
        ..ChatRequest::default()
    }
}

#[tokio::test]
async fn a_whole_answer_comes_with_its_usage() {
    let (remote, seen) = server().await;
    let answer = remote
        .chat(&request("m", false), &|_| panic!("not streamed"))
        .await
        .unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.finish),
        ("Hello", Finish::Stop)
    );
    assert_eq!(
        (answer.usage.input, answer.usage.cached, answer.usage.output),
        (Some(11), Some(4), Some(2))
    );
    let (body, key) = seen.0.lock().unwrap()[0].clone();
    assert_eq!(
        (key.as_str(), &body["max_tokens"], &body["stop"]),
        ("Bearer sk-very-secret", &json!(9), &json!(["END"]))
    );
    assert_eq!(
        body["messages"][0],
        json!({"role": "system", "content": "be brief"})
    );
}

#[tokio::test]
async fn a_streamed_answer_comes_in_pieces() {
    let (remote, _) = server().await;
    let pieces = Mutex::new(Vec::new());
    let answer = remote
        .chat(&request("m", true), &|piece| {
            pieces.lock().unwrap().push(piece.to_owned());
        })
        .await
        .unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.finish, answer.usage.output),
        ("Hello", Finish::Length, Some(2))
    );
    assert_eq!(pieces.into_inner().unwrap().concat(), "Hello");
}

#[tokio::test]
async fn a_name_keeps_its_end() {
    let (remote, seen) = server().await;
    remote
        .chat(&request("llama-high", false), &|_| {})
        .await
        .unwrap();
    let (body, _) = seen.0.lock().unwrap()[0].clone();
    assert_eq!(
        (&body["model"], &body["reasoning_effort"]),
        (&json!("llama-high"), &Value::Null)
    );
}

#[tokio::test]
async fn failures_keep_their_meaning_and_lose_the_key() {
    let (remote, _) = server().await;
    for stream in [false, true] {
        let limited = remote
            .chat(&request("limited", stream), &|_| {})
            .await
            .unwrap_err();
        assert_eq!(
            (limited.kind, limited.status),
            (Kind::RateLimited, Some(429)),
            "stream {stream}"
        );
        assert_eq!(limited.retry_after, Some(Duration::from_secs(7)));
        assert!(
            limited.message.contains("slow down") && !limited.message.contains("sk-very"),
            "{}",
            limited.message
        );
        let locked = remote
            .chat(&request("locked", stream), &|_| {})
            .await
            .unwrap_err();
        assert_eq!(
            (locked.kind, locked.message.as_str()),
            (Kind::Credentials, "bad key")
        );
        let moved = remote
            .chat(&request("elsewhere", stream), &|_| {})
            .await
            .unwrap_err();
        assert_eq!(moved.kind, Kind::Broken, "no redirect is followed");
        let slow = remote
            .chat(&request("slow", stream), &|_| {})
            .await
            .unwrap_err();
        assert_eq!(slow.kind, Kind::TimedOut, "{}", slow.message);
    }
}

#[tokio::test]
async fn a_stream_without_its_end_is_no_answer() {
    let (remote, _) = server().await;
    let broken = remote
        .chat(&request("broken", true), &|_| {})
        .await
        .unwrap_err();
    assert_eq!(
        (
            broken.kind,
            broken.partial.as_ref().map(|partial| partial.text.as_str())
        ),
        (Kind::Truncated, Some("Hello"))
    );
}

#[tokio::test]
async fn nobody_there_is_told_without_an_address() {
    let remote = Remote::new(access("http://127.0.0.1:1/v1/".to_owned(), None));
    let nobody = remote.chat(&request("m", true), &|_| {}).await.unwrap_err();
    assert_eq!(
        (nobody.kind, nobody.message.as_str()),
        (Kind::Broken, "it cannot be reached")
    );
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_inputs() {
    let (remote, _) = server().await;
    let request = EmbedRequest {
        model: "e".into(),
        inputs: vec!["a".into(), "b".into()],
        dimensions: None,
    };
    let answer = remote.embed(&request).await.unwrap();
    assert_eq!(answer.vectors, [[0.0, 0.5], [1.0, 0.5]]);
    assert_eq!(answer.usage.input, Some(3));
}
