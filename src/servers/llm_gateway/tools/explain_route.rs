//! `explain_route`: who would answer, without asking.

use crate::{
    base::clock::rfc3339,
    servers::llm_gateway::{
        LlmGateway,
        config::Strategy,
        ledger::{BudgetState, Who},
        model::dollars,
        routing::{
            health::State,
            plan::{Target, Wants},
        },
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct ExplainRoute;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A model or route from list_models, or `provider/model`.
    #[garde(length(chars, min = 1, max = 200))]
    pub model: String,
    /// Models or routes to be asked when the first fails, as for chat.
    #[serde(default)]
    #[garde(length(max = 8), inner(length(chars, min = 1, max = 200)))]
    pub fallbacks: Vec<String>,
    /// Whether the call would have tools.
    #[serde(default)]
    pub tools: bool,
    /// Whether the call would have images.
    #[serde(default)]
    pub images: bool,
    /// Whether the call would ask for JSON of a schema.
    #[serde(default)]
    pub structured_output: bool,
    /// Tokens of the call's input, as count_tokens counts them.
    #[serde(default)]
    pub input_tokens: u64,
}

/// A target, as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// The provider's own name of it.
    pub upstream_model: String,
    /// Whether it would be asked now.
    pub eligible: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `closed`: it is asked. `open`: it cools down after failures. `half_open`: the next request finds out.
    pub health: State,
    /// When its cooldown is over: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_until: Option<String>,
    /// Mean time to the first token in milliseconds, the newest counting most; left out before its first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// Dollars of a million input tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_usd_per_million: Option<f64>,
    /// Dollars of a million output tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_usd_per_million: Option<f64>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The route's name, if the model is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Who is asked first: `priority`, `weighted` (drawn anew for each call) or `latency`.
    pub strategy: Strategy,
    /// The targets in the order in which a call made now would try them.
    pub targets: Vec<Item>,
    /// The budgets that would count the call.
    pub budgets: Vec<BudgetState>,
}

impl Tool for ExplainRoute {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "explain_route";
    const ABOUT: &'static str = "Show who would answer a chat with this model or route, without asking anybody: targets in their \
        order, prices, cooldowns, and what is left of the budgets. Use it when a call went elsewhere than expected, or before \
        many. Returns the targets and budgets.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let plan = server
            .setup()
            .catalogue
            .plan(&args.model, &args.fallbacks, ctx.now())?;
        let wants = Wants {
            tools: args.tools,
            images: args.images,
            schema: args.structured_output,
            input: args.input_tokens,
        };
        let now = ctx.now();
        // The likeliest draw: what weighs most comes first.
        let order = plan.order(&server.health, now, |_| 0);
        let all_cool = order
            .iter()
            .all(|target| server.health.of(&target.key).state(now) == State::Open);
        let items = order
            .into_iter()
            .map(|target| item(server, target, wants, all_cool, now))
            .collect();
        let who = Who {
            project: ctx.project().as_str().into(),
            agent: ctx.agent().as_str().into(),
            token: std::sync::Arc::clone(&ctx.principal().id),
            model: args.model.into(),
            provider: "".into(),
        };
        Ok(Output {
            route: plan.route.as_deref().map(str::to_owned),
            strategy: plan.strategy,
            targets: items,
            budgets: server.books.ledger.states(&who).await?,
        })
    }
}

fn item(server: &LlmGateway, target: &Target, wants: Wants, all_cool: bool, now: Millis) -> Item {
    let known = server.health.of(&target.key);
    let state = known.state(now);
    let until = (known.until_ms > 0).then(|| rfc3339(known.until_ms));
    let lacking = target.skills.lacks(wants);
    let cools = (state == State::Open && !all_cool).then(|| {
        let why = known.last_error.as_deref().unwrap_or("it failed");
        format!("cools down: {why}")
    });
    let reason = lacking
        .map(|lacking| format!("cannot do {lacking}"))
        .or(cools);
    let price = target.price();
    Item {
        model: target.name.to_string(),
        provider: target.key.provider.to_string(),
        upstream_model: target.key.model.to_string(),
        eligible: reason.is_none(),
        reason,
        health: state,
        cooldown_until: until,
        first_token_ms: known.first_token_ms,
        input_usd_per_million: price.map(|price| dollars(price.standard.base.input)),
        output_usd_per_million: price.map(|price| dollars(price.standard.base.output)),
    }
}
