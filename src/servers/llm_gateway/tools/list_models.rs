//! `list_models`: what there is to ask.

use crate::{
    servers::llm_gateway::{LlmGateway, model::dollars, models::Listed},
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

/// A model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Name to ask for it by.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// The provider's own name of it.
    pub upstream_model: String,
    /// Dollars of a million input tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_usd_per_million: Option<f64>,
    /// Dollars of a million output tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_usd_per_million: Option<f64>,
    /// True for the built-in models, which make their answers up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Models, by name.
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
    const ABOUT: &'static str = "List the models that chat and embed can use: the configured ones with their prices, and the \
        built-in `mock` ones. Any other model of a configured provider can be asked for as `provider/model`. Returns \
        names, providers and prices, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = ("list_models", ctx.project());
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let mut all: Vec<Listed> = server.models.list();
        all.retain(|listed| after.as_ref().is_none_or(|after| listed.name > *after));
        let more = all.len() > args.limit as usize;
        all.truncate(args.limit as usize);
        let last = all.last().filter(|_| more);
        Ok(Output {
            next_cursor: last.map(|last| paging::encode(&binding, &last.name)),
            items: all.into_iter().map(Item::from).collect(),
        })
    }
}

impl From<Listed> for Item {
    fn from(listed: Listed) -> Self {
        let usd = |nano: u64| dollars(i64::try_from(nano).unwrap_or(i64::MAX));
        Self {
            model: listed.name,
            provider: listed.target.place.name.to_string(),
            input_usd_per_million: listed.target.price.map(|price| usd(price.input)),
            output_usd_per_million: listed.target.price.map(|price| usd(price.output)),
            upstream_model: listed.target.upstream,
            simulated: listed.target.simulated,
        }
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
