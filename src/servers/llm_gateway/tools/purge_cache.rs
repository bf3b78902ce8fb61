//! `purge_cache`: forget answers.

use crate::{servers::llm_gateway::LlmGateway, tool::prelude::*};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct PurgeCache;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Args {}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Answers that were forgotten, those kept for idempotency keys included.
    pub purged: usize,
}

impl Tool for PurgeCache {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "purge_cache";
    const ABOUT: &'static str = "Forget the answers of models that this hub keeps for the project, for the exact cache and for \
        idempotency keys: the next identical calls ask a provider again. Returns how many they were.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &LlmGateway, ctx: &Ctx, _: Args) -> Result<Output, ToolError> {
        Ok(Output {
            purged: server.answers.purge(ctx.project().as_str()),
        })
    }
}
