//! `count_tokens`: how long a conversation is, for a model.

use super::turn::{self, Function, Turn};
use crate::{
    servers::llm_gateway::{
        LlmGateway,
        engine::{chat::ChatRequest, tokens},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct CountTokens;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A model or route from list_models, or `provider/model`.
    #[garde(length(chars, min = 1, max = 200))]
    pub model: String,
    /// The conversation, as for chat.
    #[garde(length(min = 1, max = 1000), dive)]
    pub messages: Vec<Turn>,
    /// The tools, as for chat.
    #[serde(default)]
    #[garde(length(max = 128), dive)]
    pub tools: Vec<Function>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Input tokens.
    pub tokens: u64,
    /// False: counted by the hub with OpenAI's vocabularies, which other models come close to.
    pub exact: bool,
    /// The model's own limit of input tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
}

impl Tool for CountTokens {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "count_tokens";
    const ABOUT: &'static str = "Count a conversation's tokens for a model, without asking it: to see whether it fits, or what it may \
        cost, before chat. Returns the count, whether it is exact, and the model's limit.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let plan = server.setup().catalogue.plan(&args.model, &[], ctx.now())?;
        let (name, most) = match plan.targets.first() {
            Some((target, _)) => (target.key.model.to_string(), target.skills.max_input),
            None => (args.model, None),
        };
        let messages = args.messages.into_iter().enumerate();
        let request = ChatRequest {
            messages: messages
                .map(|(place, turn)| turn::message(place, turn))
                .collect::<Result<_, _>>()?,
            tools: args.tools.into_iter().map(Into::into).collect(),
            ..ChatRequest::default()
        };
        let count = ctx
            .blocking(move |_| Ok(tokens::count(&name, &request)))
            .await?;
        Ok(Output {
            tokens: count.tokens,
            exact: count.exact,
            max_input_tokens: most,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::tests::team;

    #[tokio::test]
    async fn a_longer_text_has_more_and_none_is_exact() {
        let team = team().await;
        let count = async |text: &str| {
            let turns =
                json!({"model": "mock/echo", "messages": [{"role": "user", "content": text}]});
            let args = serde_json::from_value(turns).unwrap();
            team.call::<CountTokens>(args).await.unwrap()
        };
        let (short, long) = (
            count("hello").await,
            count("hello world, how are you today?").await,
        );
        assert!(
            !short.exact && short.tokens < long.tokens && long.tokens < 40,
            "{long:?}"
        );
    }
}
