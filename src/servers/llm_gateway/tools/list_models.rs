//! `list_models`: what there is to ask.

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        model::dollars,
        routing::{
            health::State,
            plan::{Plan, Target},
        },
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct ListModels;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Most models to return.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// A model, or a route of several.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Name to ask for it by.
    pub model: String,
    /// Its provider; of a route, that of its first target.
    pub provider: String,
    /// The provider's own name of it.
    pub upstream_model: String,
    /// For a route: the models that it stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Dollars of a million input tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_usd_per_million: Option<f64>,
    /// Dollars of a million output tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_usd_per_million: Option<f64>,
    /// Most input tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
    /// Most output tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Whether it calls tools, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Whether it sees images, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Whether it answers in a given JSON schema, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
    /// `closed`: it is asked. `open`: it cools down after failures. `half_open`: the next request finds out.
    pub health: State,
    /// True for the built-in models, which make their answers up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Models and routes, by name.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for ListModels {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_models";
    const ABOUT: &'static str = "List the models and routes that chat and embed can use, with prices, limits, what they can do and how \
        they are: the configured ones, and the built-in `mock` ones. Any other model of a configured provider can be asked for as \
        `provider/model`. Returns them in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = ("list_models", ctx.project());
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let setup = server.setup();
        let mut names: Vec<String> = setup.catalogue.names().map(|(name, _)| name).collect();
        names.retain(|name| after.as_ref().is_none_or(|after| name > after));
        let more = names.len() > args.limit as usize;
        names.truncate(args.limit as usize);
        let last = names.last().filter(|_| more);
        let next_cursor = last.map(|last| paging::encode(&binding, last));
        let item = |name: String| {
            let plan = setup.catalogue.plan(&name, &[], ctx.now())?;
            Ok(item(server, name, &plan, ctx.now()))
        };
        Ok(Output {
            next_cursor,
            items: names
                .into_iter()
                .map(item)
                .collect::<Result<_, ToolError>>()?,
        })
    }
}

fn item(server: &LlmGateway, model: String, plan: &Plan, now: Millis) -> Item {
    let first = plan.targets.first().map(|(target, _)| target);
    let skills = first.map(|target| target.skills).unwrap_or_default();
    let price = first.and_then(Target::price);
    let targets = plan.route.as_ref().map(|_| &plan.targets);
    Item {
        model,
        provider: first
            .map(|target| target.key.provider.to_string())
            .unwrap_or_default(),
        upstream_model: first
            .map(|target| target.key.model.to_string())
            .unwrap_or_default(),
        targets: targets
            .into_iter()
            .flatten()
            .map(|(target, _)| target.name.to_string())
            .collect(),
        input_usd_per_million: price.map(|price| dollars(price.standard.base.input)),
        output_usd_per_million: price.map(|price| dollars(price.standard.base.output)),
        max_input_tokens: skills.max_input,
        max_output_tokens: skills.max_output,
        tools: skills.tools,
        images: skills.images,
        structured_output: skills.schema,
        health: first.map_or(State::Closed, |target| {
            server.health.of(&target.key).state(now)
        }),
        simulated: first.is_some_and(|target| target.simulated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::llm_gateway::tests::team;

    #[tokio::test]
    async fn pages_join() {
        let team = team().await;
        let first = team
            .call::<ListModels>(Args {
                limit: 2,
                cursor: None,
            })
            .await
            .unwrap();
        let rest = team
            .call::<ListModels>(Args {
                limit: 2,
                cursor: first.next_cursor,
            })
            .await
            .unwrap();
        let names: Vec<String> = first
            .items
            .into_iter()
            .chain(rest.items)
            .map(|item| item.model)
            .collect();
        assert_eq!(names, ["mock/echo", "mock/embed", "mock/lorem"]);
        assert_eq!(rest.next_cursor, None);
    }
}
