//! Against a socket that answers as it is told to.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::{
    super::failure::{Failure, Kind},
    Auth, Http,
    address::{self, Reach},
    script::{KEY, Script, Step, ended, json, open_stream, short},
};
use crate::servers::llm_gateway::engine::secret::Keeper;

async fn ask(http: &Http) -> Result<Bytes, Failure> {
    let mut answer = http
        .post("chat/completions", Bytes::from("{}"), HeaderMap::new())
        .await?;
    answer.whole().await
}

async fn failed(steps: Vec<Step>) -> Failure {
    let script = Script::new(move |_| steps.clone()).await;
    ask(&script.http(Auth::Bearer)).await.unwrap_err()
}

#[tokio::test]
async fn a_request_has_its_path_and_key() {
    let script = Script::new(|_| json(200, "", "{\"a\": 1}")).await;
    let http = script.http(Auth::Bearer);
    for _ in 0..3 {
        assert_eq!(ask(&http).await.unwrap(), "{\"a\": 1}");
    }
    let asked = script.last();
    assert!(
        asked.head.starts_with("post /v1/chat/completions http/1.1"),
        "{}",
        asked.head
    );
    assert!(asked.head.contains(&format!("authorization: bearer {KEY}")));
    assert!(asked.head.contains("content-type: application/json"));
    assert!(
        !asked.head.contains("accept-encoding"),
        "bytes have to come as they are"
    );
    assert_eq!(
        *script.connections.lock().unwrap(),
        1,
        "connections are used again"
    );

    let http = script.http(Auth::Anthropic);
    ask(&http).await.unwrap();
    let head = script.last().head;
    assert!(
        head.contains(&format!("x-api-key: {KEY}"))
            && head.contains("anthropic-version: 2023-06-01")
    );
    let mut own = HeaderMap::new();
    own.insert("anthropic-version", "2099-01-01".parse().unwrap());
    own.insert("x-api-key", "the caller's".parse().unwrap());
    http.post("messages", Bytes::from("{}"), own).await.unwrap();
    let head = script.last().head;
    assert!(
        head.contains("anthropic-version: 2099-01-01")
            && !head.contains("2023")
            && !head.contains("caller")
    );
}

#[tokio::test]
async fn what_is_the_callers_own_stays_here() {
    let script = Script::new(|_| json(200, "", "{}")).await;
    let url = address::check_url(&script.base).unwrap();
    let keyless = Http::new(url, Auth::Bearer, Keeper::default(), short(), Reach::Public);
    let mut headers = HeaderMap::new();
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "accept-encoding",
        "openai-beta",
    ] {
        headers.insert(name, "canary".parse().unwrap());
    }
    keyless
        .post("responses", Bytes::from("{}"), headers)
        .await
        .unwrap();
    let head = script.last().head;
    assert_eq!(head.matches("canary").count(), 1, "{head}");
    assert!(head.contains("openai-beta: canary"));
}

#[tokio::test]
async fn a_refusal_tells_what_to_do_and_not_the_key() {
    let body =
        format!(r#"{{"error":{{"message":"slow down, {KEY}","code":"rate_limit_exceeded"}}}}"#);
    let failure = failed(json(
        429,
        "retry-after: 7\r\nx-should-retry: true\r\n",
        &body,
    ))
    .await;
    assert_eq!(
        (
            failure.kind,
            failure.status,
            failure.retry_after,
            failure.should_retry
        ),
        (
            Kind::RateLimited,
            Some(429),
            Some(Duration::from_secs(7)),
            Some(true)
        )
    );
    assert_eq!(
        (failure.message.as_str(), failure.code.as_deref()),
        ("slow down, ***", Some("rate_limit_exceeded"))
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let failure = failed(json(302, "location: http://169.254.169.254/\r\n", "")).await;
    assert_eq!((failure.kind, failure.status), (Kind::Broken, Some(302)));
}

#[tokio::test]
async fn each_silence_has_its_limit() {
    let failure = failed(vec![Step::Hang]).await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::TimedOut, "it did not begin to answer in time")
    );
    let mut steps = open_stream("", [&b"data"[..]]);
    steps.push(Step::Hang);
    let failure = failed(steps).await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::TimedOut, "it fell silent in the middle of its answer")
    );
}

#[tokio::test]
async fn slow_is_not_silent() {
    let mut steps = open_stream("", []);
    for _ in 0..4 {
        steps.push(Step::Wait(Duration::from_millis(200)));
        steps.extend(open_stream("", [&b"x"[..]]).into_iter().skip(1));
    }
    let script = Script::new(move |_| ended(steps.clone())).await;
    assert_eq!(ask(&script.http(Auth::Bearer)).await.unwrap(), "xxxx");
}

#[tokio::test]
async fn a_broken_connection_is_told_without_an_address() {
    let failure = failed(vec![Step::Close]).await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::Truncated, "the connection broke")
    );
    let failure = failed(vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()),
        Step::Close,
    ])
    .await;
    assert_eq!(failure.kind, Kind::Truncated);
    let nobody = Http::new(
        address::check_url("http://127.0.0.1:1/v1").unwrap(),
        Auth::Bearer,
        Keeper::default(),
        short(),
        Reach::Public,
    );
    let failure = ask(&nobody).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::Broken, "it cannot be reached")
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied_unless_it_is_meant() {
    let script = Script::new(|_| json(200, "", "{}")).await;
    let url = address::check_url(&script.base.replace("127.0.0.1", "localhost")).unwrap();
    for (reach, denied) in [(Reach::Public, true), (address::reach_of(&url), false)] {
        let http = Http::new(url.clone(), Auth::Bearer, Keeper::default(), short(), reach);
        let fate = ask(&http).await;
        assert_eq!(fate.is_err(), denied, "{fate:?}");
        if let Err(failure) = fate {
            assert!(
                failure.message.contains("allow_private"),
                "{}",
                failure.message
            );
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_told_before_anything_is_sent() {
    let url = address::check_url("http://127.0.0.1:1/v1").unwrap();
    let keeper = Keeper::new(Some("SYNDARIX_NO_SUCH_KEY".into()), None);
    let http = Http::new(url, Auth::Bearer, keeper, short(), Reach::Public);
    let failure = ask(&http).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Credentials);
    assert!(failure.message.contains("SYNDARIX_NO_SUCH_KEY"));
}

#[tokio::test]
async fn whoever_goes_away_takes_the_connection_along() {
    let script = Script::new(|_| vec![Step::Hang]).await;
    let http = script.http(Auth::Bearer);
    script.give_up(ask(&http)).await;
    script.gone().await;
}
