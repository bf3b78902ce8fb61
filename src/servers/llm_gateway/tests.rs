//! What the tests of the tools share.

use super::{Config, LlmGateway, store::Store};
use crate::test::Team;

/// A hub with this server alone, and no provider but the built-in one.
pub async fn team() -> Team {
    crate::test::team(async |builder, host| {
        builder.mount(LlmGateway::open(Config::default(), host).await.unwrap())
    })
    .await
}

/// The rows of all requests: agent, model, status, input and output tokens.
pub async fn rows(team: &Team) -> Vec<String> {
    Store::new(team.host.db.clone()).rows().await
}
