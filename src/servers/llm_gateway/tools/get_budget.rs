//! `get_budget`: what is left.

use std::sync::Arc;

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        ledger::{BudgetState, Who},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetBudget;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Only budgets that count requests to this model or route.
    #[garde(length(bytes, max = 256))]
    pub model: Option<String>,
    /// Only budgets that count requests to this provider.
    #[garde(length(bytes, max = 256))]
    pub provider: Option<String>,
    /// Budgets of all agents of the project instead of those that count this agent.
    #[serde(default)]
    pub all_agents: bool,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The budgets, those of the settings first.
    pub items: Vec<BudgetState>,
}

impl Tool for GetBudget {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_budget";
    const ABOUT: &'static str = "Show the budgets that count this agent's requests to models: limits, what is spent and left, and \
        when they start anew. Use it before much work, or after a refusal with quota_exceeded. Returns budgets; none means no limit.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let any: Arc<str> = Arc::from("");
        let named = |name: Option<String>| name.map_or_else(|| Arc::clone(&any), Into::into);
        let (agent, token) = if args.all_agents {
            (Arc::clone(&any), Arc::clone(&any))
        } else {
            (ctx.agent().as_str().into(), Arc::clone(&ctx.principal().id))
        };
        let who = Who {
            project: ctx.project().as_str().into(),
            agent,
            token,
            model: named(args.model),
            provider: named(args.provider),
        };
        Ok(Output {
            items: server.books.ledger.states(&who).await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::{tests::team, tools::set_budget::SetBudget};

    #[tokio::test]
    async fn a_projects_own_budget_shows_there_alone() {
        let team = team().await;
        let set = json!({"name": "sprint", "usd": 5.0, "period": "week", "tz": "Europe/Berlin", "agent": "*"});
        let set: <SetBudget as Tool>::Args = serde_json::from_value(set).unwrap();
        team.call::<SetBudget>(set).await.unwrap();

        let args = || serde_json::from_value::<Args>(json!({})).unwrap();
        let own = team.call::<GetBudget>(args()).await.unwrap();
        let [state] = own.items.as_slice() else {
            panic!("{:?}", own.items)
        };
        let usd = state.usd.unwrap();
        assert_eq!(
            (
                state.name.as_str(),
                usd.limit,
                usd.remaining,
                state.from_settings
            ),
            ("sprint", 5.0, 5.0, false)
        );
        assert_eq!(
            (state.scope.project.as_deref(), state.scope.agent.as_deref()),
            (Some("demo"), Some("ann"))
        );
        assert!(
            state.resets.as_deref().unwrap().contains("T00:00:00+0"),
            "{:?}",
            state.resets
        );

        let foreign = team
            .at("elsewhere", "eve")
            .call::<GetBudget>(args())
            .await
            .unwrap();
        assert!(foreign.items.is_empty());
    }
}
