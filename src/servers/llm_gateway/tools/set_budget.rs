//! `set_budget`: what the project, or its agents, may use.

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        ledger::{
            BudgetState, Who,
            config::{Action, BudgetConfig, BudgetScope, Period, Unpriced},
        },
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct SetBudget;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("anyOf" = [
    {"required": ["usd"]}, {"required": ["tokens"]}, {"required": ["requests"]},
    {"required": ["remove"], "properties": {"remove": {"const": true}}},
]))]
pub struct Args {
    /// Name of the budget within the project; one of the same name is replaced and keeps what is spent.
    #[garde(length(bytes, min = 1, max = 256))]
    pub name: String,
    /// Removes the budget; nothing else is given then.
    #[serde(default)]
    pub remove: bool,
    /// Dollars in a period. At least one of `usd`, `tokens` and `requests` is given.
    pub usd: Option<f64>,
    /// Tokens, input and output, in a period.
    pub tokens: Option<u64>,
    /// Requests in a period.
    pub requests: Option<u64>,
    /// How long it lasts before it starts anew; a month unless given.
    pub period: Option<Period>,
    /// Time zone of the periods, as `Europe/Berlin`; UTC unless given.
    #[garde(length(bytes, max = 64))]
    pub tz: Option<String>,
    /// Only requests for this agent; `*` for a budget for each agent.
    pub agent: Option<String>,
    /// Only requests by this service token; `*` for a budget for each.
    pub token: Option<String>,
    /// Only requests to this model or route; `*` for a budget for each.
    pub model: Option<String>,
    /// Only requests to this provider; `*` for a budget for each.
    pub provider: Option<String>,
    /// What happens when it is used up; `block` unless given.
    #[serde(default)]
    pub action: Action,
    /// For `downgrade`: the model or route that is asked instead.
    pub downgrade_to: Option<String>,
    /// What happens, under a limit in dollars, to requests whose price is not known; `block` unless given.
    #[serde(default)]
    pub unpriced: Unpriced,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// How the budget stands now; nothing after it was removed.
    pub items: Vec<BudgetState>,
}

impl Tool for SetBudget {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "set_budget";
    const ABOUT: &'static str = "Set, replace or remove a budget of this project: dollars, tokens or requests in a period, for all \
        or for each agent, token, model or provider. It holds at once, beside the budgets of the hub's settings. get_budget \
        shows what is left. Returns how the budget stands.";
    const ACCESS: Access = Access::Admin;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let name = args.name.clone();
        if args.remove {
            if server.books.ledger.remove(ctx.project(), &name).await? {
                return Ok(Output { items: Vec::new() });
            }
            return Err(
                ToolError::not_found("budget", name).hint("get_budget shows the project's budgets")
            );
        }
        server.books.ledger.set(ctx.project(), config(args)).await?;
        let whole = Who {
            project: ctx.project().as_str().into(),
            agent: "".into(),
            token: "".into(),
            model: "".into(),
            provider: "".into(),
        };
        let mut items = server.books.ledger.states(&whole).await?;
        items.retain(|state| state.name == name && !state.from_settings);
        Ok(Output { items })
    }
}

fn config(args: Args) -> BudgetConfig {
    BudgetConfig {
        name: args.name,
        scope: BudgetScope {
            project: None,
            agent: args.agent,
            token: args.token,
            model: args.model,
            provider: args.provider,
        },
        usd: args.usd,
        tokens: args.tokens,
        requests: args.requests,
        period: args.period.unwrap_or(Period::Month),
        tz: args.tz.unwrap_or_else(|| "UTC".to_owned()),
        action: args.action,
        downgrade_to: args.downgrade_to,
        unpriced: args.unpriced,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{servers::llm_gateway::tests::team, test::Team};

    async fn set(team: &Team, args: Value) -> Result<Output, ToolError> {
        team.call::<SetBudget>(serde_json::from_value(args).unwrap())
            .await
    }

    #[tokio::test]
    async fn a_budget_is_set_replaced_and_removed() {
        let team = team().await;
        let first = set(&team, json!({"name": "b", "requests": 3}))
            .await
            .unwrap();
        assert_eq!(first.items[0].period, Period::Month);
        let second = set(
            &team,
            json!({"name": "b", "requests": 4, "period": "total"}),
        )
        .await
        .unwrap();
        let [state] = second.items.as_slice() else {
            panic!("{:?}", second.items)
        };
        assert_eq!(
            (state.requests.unwrap().limit, state.resets.as_ref()),
            (4, None)
        );
        let gone = || set(&team, json!({"name": "b", "remove": true}));
        assert!(gone().await.unwrap().items.is_empty());
        assert_eq!(
            gone().await.unwrap_err().message,
            "budget b not found: get_budget shows the project's budgets"
        );
    }

    #[tokio::test]
    async fn a_budget_without_a_limit_names_the_field() {
        let error = set(&team().await, json!({"name": "b"})).await.unwrap_err();
        assert_eq!(error.fields[0].pointer, "/usd");
    }

    #[tokio::test]
    async fn only_who_administers_the_server_may_set_one() {
        let team = team().await;
        let writer = team
            .token(&["demo"], &["ann"], &["llm_gateway:write"])
            .await;
        let error = set(&team.by(writer), json!({"name": "b", "requests": 1}))
            .await
            .unwrap_err();
        assert_eq!(error.code, Code::Forbidden);
    }
}
