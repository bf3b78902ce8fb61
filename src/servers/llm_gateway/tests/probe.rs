//! The probe of a target that cooled down.

use std::time::Duration;

use serde_json::json;

use super::team_at;
use crate::{
    base::clock::Clock,
    servers::llm_gateway::tools::chat::{Chat, Output},
    test::Team,
    tool::ToolError,
};

async fn ask(team: &Team, text: &str) -> Result<Output, ToolError> {
    let args = json!({"model": "both", "messages": [{"role": "user", "content": text}]});
    team.call::<Chat>(serde_json::from_value(args).unwrap())
        .await
}

#[tokio::test]
async fn when_its_caller_goes_away_the_next_call_is_the_probe() {
    let clock = Clock::manual(1_795_473_000_000);
    let route = json!({
        "targets": ["mock/echo", "mock/lorem"], "retry": {"rounds": 1}, "cooldown": {"failures": 1, "seconds": 30},
    });
    let team = team_at(clock.clone(), json!({"routes": {"both": route}})).await;
    ask(&team, "mock:status=500").await.unwrap_err();
    clock.advance(31_000);
    let probe = tokio::time::timeout(Duration::from_millis(200), ask(&team, "mock:hang"));
    assert!(probe.await.is_err());
    let said = ask(&team, "hello").await.unwrap();
    assert_eq!(said.message.content, "hello", "the first target was asked");
}
