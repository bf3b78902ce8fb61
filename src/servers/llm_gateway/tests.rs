//! What the tests of the tools share, and what only the whole server shows.

mod budgets;
mod probe;

use serde_json::json;

use super::{Config, LlmGateway, store::Store, tools::get_usage};
use crate::{base::clock::Clock, test::Team};

/// A hub with this server alone, and no provider but the built-in one.
pub async fn team() -> Team {
    team_with(json!({})).await
}

/// A hub with this server alone, set as `config` says.
pub async fn team_with(config: serde_json::Value) -> Team {
    team_at(Clock::default(), config).await
}

/// The same, where it is the time of `clock`.
pub async fn team_at(clock: Clock, config: serde_json::Value) -> Team {
    let config: Config = serde_json::from_value(config).unwrap();
    crate::test::team_at(clock, async |builder, host| {
        builder.mount(LlmGateway::open(config, host).await.unwrap())
    })
    .await
}

/// The rows of all requests: agent, model, status, input and output tokens.
pub async fn rows(team: &Team) -> Vec<String> {
    // Reads wait for what has ended.
    let args = serde_json::from_value(json!({})).unwrap();
    team.call::<get_usage::GetUsage>(args).await.unwrap();
    Store::new(team.host.db.clone()).rows().await
}
