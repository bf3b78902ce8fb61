//! What `chat` does, with the built-in provider.

use serde_json::json;

use super::*;
use crate::servers::llm_gateway::tests::{rows, team};

fn args(model: &str, text: &str) -> Args {
    serde_json::from_value(
        json!({ "model": model, "messages": [{ "role": "user", "content": text }] }),
    )
    .unwrap()
}

#[tokio::test]
async fn the_mock_answers_without_any_key_and_says_what_it_is() {
    let team = team().await;
    let said = team
        .call::<Chat>(args("mock/echo", "hello there"))
        .await
        .unwrap();
    assert_eq!(
        (said.message.content.as_str(), said.simulated),
        ("hello there", true)
    );
    assert_eq!(
        (said.cost_usd, said.cost_source),
        (Some(0.0), CostSource::Simulated)
    );
    assert_eq!(rows(&team).await, ["ann mock/echo ok 2 2"]);
}

#[tokio::test]
async fn failures_are_told_and_noted() {
    let team = team().await;
    let limited = team
        .call::<Chat>(args("mock/echo:status=429,retry=7", "x"))
        .await
        .unwrap_err();
    assert_eq!(
        (limited.code, limited.retry_after),
        (Code::RateLimited, Some(Duration::from_secs(7)))
    );
    let locked = team
        .call::<Chat>(args("mock/echo:status=401", "x"))
        .await
        .unwrap_err();
    assert_eq!(locked.code, Code::Upstream);
    let died = team
        .call::<Chat>(args("mock/lorem:die=2", "x"))
        .await
        .unwrap_err();
    assert_eq!(
        (died.code, died.details.unwrap()["partial"].as_str()),
        (Code::Upstream, Some("lorem ipsum "))
    );
    assert_eq!(
        team.call::<Chat>(args("gpt-9", "x"))
            .await
            .unwrap_err()
            .code,
        Code::NotFound
    );
    let statuses: Vec<String> = rows(&team)
        .await
        .iter()
        .map(|row| row.split(' ').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["error", "error", "partial"]);
}

#[tokio::test]
async fn a_caller_who_goes_away_is_noted() {
    let team = team().await;
    let gone = tokio::time::timeout(
        Duration::from_millis(200),
        team.call::<Chat>(args("mock/echo:hang", "x")),
    )
    .await;
    assert!(gone.is_err());
    for _ in 0..200 {
        if rows(&team).await == ["ann mock/echo:hang cancelled 0 0"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", rows(&team).await);
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_sent() {
    let team = team().await;
    let hot = Args {
        temperature: Some(3.0),
        ..args("mock/echo", "x")
    };
    assert_eq!(
        team.call::<Chat>(hot).await.unwrap_err().code,
        Code::InvalidArgument
    );
    let silent = Args {
        messages: Vec::new(),
        ..args("mock/echo", "x")
    };
    assert_eq!(
        team.call::<Chat>(silent).await.unwrap_err().code,
        Code::InvalidArgument
    );
    assert!(rows(&team).await.is_empty());
}
