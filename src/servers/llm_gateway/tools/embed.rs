//! `embed`: texts to vectors.

use std::sync::Arc;

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        call::{
            Asked, attempts,
            lanes::read,
            request::{Done, Request},
            shared::{self, CacheWish, Found, Stored, Wish},
        },
        engine::{chat::EmbedRequest, tokens, upstream::Tally},
        model::{Usage, dollars},
        record::{CacheOutcome, CostSource, Kind},
        routing::plan::Wants,
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`, and called by other servers.
#[derive(Debug)]
pub struct Embed;

/// What the caller sends.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A name from list_models, or `provider/model`. `mock/embed` needs no key.
    #[garde(length(chars, min = 1, max = 200))]
    pub model: String,
    /// The texts, at most 256 of at most 32 KiB.
    #[garde(
        length(min = 1, max = 256),
        inner(length(bytes, min = 1, max = 32_768))
    )]
    pub input: Vec<String>,
    /// Length of the vectors, where the model lets you choose.
    #[garde(inner(range(min = 1, max = 8192)))]
    pub dimensions: Option<u32>,
    /// Whether vectors of the same texts may come from the cache: `auto` as the hub is set, `off`, or `exact`.
    #[serde(default)]
    pub cache: CacheWish,
}

impl Args {
    /// The vectors of `input` by `model`; cached as the hub is set.
    pub fn new(model: &str, input: Vec<String>, dimensions: Option<u32>) -> Self {
        Self {
            model: model.to_owned(),
            input,
            dimensions,
            cache: CacheWish::Auto,
        }
    }
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Id of the request.
    pub request_id: String,
    /// The model as it was asked for.
    pub model: String,
    /// The provider that answered.
    pub provider: String,
    /// One vector a text, in their order.
    pub embeddings: Vec<Vec<f32>>,
    /// Length of the vectors.
    pub dimensions: usize,
    /// Tokens, as the provider counted them.
    pub usage: Usage,
    /// Dollars; left out when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the cost comes from.
    pub cost_source: CostSource,
    /// Where the vectors come from, when the cache had a part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheOutcome>,
    /// True for vectors that no model made: the built-in provider computed them from a hash.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

impl Tool for Embed {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "embed";
    const ABOUT: &'static str = "Turn texts into vectors with an embedding model of a configured provider, with usage and cost \
        recorded for your project. To search what the team knows, the knowledge base is simpler. Returns one vector a \
        text, in order: large, so ask for few texts at a time.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["input"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let body = serde_json::to_vec(&args).map_err(ToolError::internal)?;
        let bytes = args.input.iter().map(|text| text.len() as u64).sum();
        let asked = Asked {
            kind: Kind::Embed,
            dialect: None,
            model: Arc::from(args.model),
            fallbacks: Vec::new(),
            stream: false,
            wants: Wants::default(),
            input: tokens::estimate(bytes, args.input.len() as u64),
            max_tokens: None,
        };
        let wish = Wish {
            cache: args.cache,
            ..Wish::default()
        };
        let plan = server
            .setup()
            .catalogue
            .plan(&asked.model, &asked.fallbacks, ctx.now())?;
        let (keep, cache) =
            match shared::find(server, ctx, &asked, &wish, &plan, "embed", &body).await? {
                Found::Before(stored, how) => {
                    let vectors =
                        serde_json::from_slice(&stored.body()).map_err(ToolError::internal)?;
                    let books = Request::begin(server, ctx, &asked, Some(how), &body).await?;
                    return Ok(output(
                        &asked,
                        vectors,
                        books.cached(&stored, how),
                        Some(how),
                    ));
                }
                Found::Nowhere(keep, cache) => (keep, cache),
            };
        let mut books = Request::begin(server, ctx, &asked, cache, &body).await?;
        let lane = read::Embed(EmbedRequest {
            model: String::new(),
            inputs: args.input,
            dimensions: args.dimensions,
        });
        match attempts::run(server, ctx, &asked, plan, &lane, &mut books).await {
            Ok(answer) => {
                let tally = Tally {
                    usage: answer.usage,
                    ..Tally::default()
                };
                let done = books.finish(&tally, None);
                if keep.is_wanted() {
                    let text = serde_json::to_vec(&answer.vectors).map_err(ToolError::internal)?;
                    keep.land(Stored::new(vec![text.into()], false, &done));
                }
                Ok(output(&asked, answer.vectors, done, cache))
            }
            Err(error) => {
                books.refused(&error);
                keep.fail(&error);
                Err(error)
            }
        }
    }
}

fn output(
    asked: &Asked,
    vectors: Vec<Vec<f32>>,
    done: Done,
    cache: Option<CacheOutcome>,
) -> Output {
    Output {
        request_id: done.request_id,
        model: asked.model.to_string(),
        provider: done.provider.to_string(),
        dimensions: vectors.first().map_or(0, Vec::len),
        embeddings: vectors,
        usage: done.usage.into(),
        cost_usd: done.cost_nanousd.map(dollars),
        cost_source: done.cost_source,
        cache,
        simulated: done.simulated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::llm_gateway::tests::{rows, team};

    #[tokio::test]
    async fn one_vector_a_text_in_order() {
        let team = team().await;
        let args = Args {
            model: "mock/embed".into(),
            input: vec!["a".into(), "b c".into()],
            dimensions: Some(8),
            cache: CacheWish::Auto,
        };
        let done = team.call::<Embed>(args).await.unwrap();
        assert_eq!(
            (done.embeddings.len(), done.dimensions, done.simulated),
            (2, 8, true)
        );
        assert_eq!(rows(&team).await, ["ann mock/embed ok 3 0"]);
        let none = Args {
            model: "mock/embed".into(),
            input: Vec::new(),
            dimensions: None,
            cache: CacheWish::Auto,
        };
        assert_eq!(
            team.call::<Embed>(none).await.unwrap_err().code,
            Code::InvalidArgument
        );
    }
}
