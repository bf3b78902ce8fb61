//! Budgets, as callers meet them.

use serde_json::{Value, json};

use super::team_at;
use crate::{
    base::clock::{Clock, Millis},
    servers::llm_gateway::tools::chat::Chat,
    test::Team,
    tool::{Code, ToolError},
};

/// 2026-11-23 22:30 UTC, a Monday: half past eleven in Berlin.
const LATE: Millis = 1_795_473_000_000;
const MINUTE: Millis = 60_000;

async fn team(clock: &Clock, budget: Value) -> Team {
    team_at(clock.clone(), json!({ "budgets": [budget] })).await
}

async fn ask(team: &Team, model: &str) -> Result<Value, ToolError> {
    let args = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    let args = serde_json::from_value(args).unwrap();
    let said = team.call::<Chat>(args).await?;
    Ok(serde_json::to_value(said).unwrap())
}

#[tokio::test]
async fn a_budget_starts_anew_at_midnight_in_its_zone_and_holds_for_administrators() {
    let clock = Clock::manual(LATE);
    let budget = json!({"name": "daily", "requests": 1, "period": "day", "tz": "Europe/Berlin"});
    let team = team(&clock, budget).await;
    assert!(team.principal.grant.scopes.hub_admin());
    ask(&team, "mock/echo").await.unwrap();
    let used = ask(&team, "mock/echo").await.unwrap_err();
    assert_eq!(used.code, Code::QuotaExceeded);
    assert_eq!(used.retry_after_s(), Some(30 * 60));
    let resets = used.details.unwrap()["resets"].clone();
    assert_eq!(resets, "2026-11-24T00:00:00+01:00");
    clock.advance(29 * MINUTE);
    assert!(ask(&team, "mock/echo").await.is_err());
    clock.advance(MINUTE);
    ask(&team, "mock/echo").await.unwrap();
    assert!(ask(&team, "mock/echo").await.is_err());
}

#[tokio::test]
async fn a_used_up_budget_leads_to_another_model() {
    let budget = json!({"name": "fine", "requests": 1, "period": "hour", "action": "downgrade", "downgrade_to": "mock/echo"});
    let clock = Clock::manual(LATE);
    let team = team(&clock, budget).await;
    let said = async |model: &str| ask(&team, model).await.unwrap()["message"]["content"].clone();
    assert_ne!(said("mock/lorem").await, "hello");
    let lower = ask(&team, "mock/lorem").await.unwrap();
    assert_eq!(lower["message"]["content"], "hello");
    let warning = lower["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("fine") && warning.contains("mock/echo"),
        "{warning}"
    );
    assert_eq!(said("mock/echo").await, "hello", "it only counts there");
    clock.advance(30 * MINUTE);
    assert_ne!(said("mock/lorem").await, "hello");
}

#[tokio::test]
async fn what_another_model_said_is_not_kept_for_the_one_that_was_asked() {
    let budget = json!({"name": "fine", "requests": 0, "period": "hour", "action": "downgrade", "downgrade_to": "mock/echo"});
    let kept = json!({"budgets": [budget], "cache": {"mode": "exact"}});
    let team = team_at(Clock::manual(LATE), kept).await;
    for _ in 0..2 {
        let said = ask(&team, "mock/lorem").await.unwrap();
        assert_eq!(
            (&said["message"]["content"], &said["cache"]),
            (&json!("hello"), &json!("miss"))
        );
    }
}

#[tokio::test]
async fn a_budget_that_warns_lets_calls_through_and_says_so() {
    let budget = json!({"name": "soft", "requests": 1, "period": "day", "action": "warn"});
    let team = team(&Clock::manual(LATE), budget).await;
    let first = ask(&team, "mock/echo").await.unwrap();
    assert!(first.get("warnings").is_none(), "{first}");
    let second = ask(&team, "mock/echo").await.unwrap();
    let warning = second["warnings"][0].as_str().unwrap();
    assert!(warning.contains("soft"), "{warning}");
}
