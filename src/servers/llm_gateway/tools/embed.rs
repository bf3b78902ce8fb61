//! `embed`: texts to vectors.

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        engine::provider::EmbedRequest,
        model::{Cost, Usage},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`, and called by other servers.
#[derive(Debug)]
pub struct Embed;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
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
    /// What it cost.
    pub cost: Cost,
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
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let (target, request, _slot) = server.begin(ctx, "embed", &args.model).await?;
        let asked = EmbedRequest {
            model: target.upstream.clone(),
            inputs: args.input,
            dimensions: args.dimensions,
        };
        let answer = target.place.provider.embed(&asked).await;
        let (vectors, usage, cost) = request
            .end(&target, answer.map(|answer| (answer.vectors, answer.usage)))
            .await?;
        Ok(Output {
            request_id: request.id.clone(),
            model: args.model,
            provider: target.place.name.to_string(),
            dimensions: vectors.first().map_or(0, Vec::len),
            embeddings: vectors,
            usage: usage.into(),
            cost,
            simulated: target.simulated,
        })
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
        };
        assert_eq!(
            team.call::<Embed>(none).await.unwrap_err().code,
            Code::InvalidArgument
        );
    }
}
