//! `chat`: ask a model.

use std::sync::Arc;

use crate::{
    servers::llm_gateway::{
        LlmGateway,
        engine::provider::{ChatRequest, Finish, Message, Role},
        model::{Cost, Usage},
    },
    tool::prelude::*,
};

/// Bytes of all messages together.
const MAX_BYTES: usize = 4 << 20;

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct Chat;

/// One turn of the conversation.
#[derive(Debug, Clone, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Turn {
    /// `system` for instructions, `user`, or `assistant` for what the model said before.
    pub role: Role,
    /// The text.
    pub content: String,
}

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A name from list_models, or `provider/model`. `mock/echo` and `mock/lorem` need no key.
    #[garde(length(chars, min = 1, max = 200))]
    pub model: String,
    /// The conversation so far, oldest first.
    #[garde(length(min = 1, max = 1000), dive)]
    pub messages: Vec<Turn>,
    /// 0 for the likeliest words, more for variety.
    #[garde(inner(range(min = 0.0, max = 2.0)))]
    pub temperature: Option<f64>,
    /// Choose among the likeliest words that make up this share, above 0 to 1.
    #[garde(inner(range(min = 0.0, max = 1.0)))]
    pub top_p: Option<f64>,
    /// Most tokens of the answer; the model's own limit if left out.
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    pub max_tokens: Option<u32>,
    /// Texts at which the model stops.
    #[serde(default)]
    #[garde(length(max = 4), inner(length(bytes, min = 1, max = 200)))]
    pub stop: Vec<String>,
    /// Makes answers repeatable where the provider can.
    pub seed: Option<u64>,
    /// Send the answer's text as it comes, besides the whole at the end. Only few servers cannot: then false.
    #[serde(default = "yes")]
    pub stream: bool,
}

fn yes() -> bool {
    true
}

/// The model's turn.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// `assistant`.
    pub role: Role,
    /// The text.
    pub content: String,
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
    /// What the model said.
    pub message: Answer,
    /// Why it stopped; `length` means that the answer is cut.
    pub finish_reason: Finish,
    /// Tokens, as the provider counted them.
    pub usage: Usage,
    /// What it cost.
    pub cost: Cost,
    /// True for an answer that no model gave: the built-in provider made it up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

impl Tool for Chat {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "chat";
    const ABOUT: &'static str = "Ask a language model through the hub: any configured provider, with usage and cost recorded \
        for your project. Use embed for vectors and list_models for names. The text comes in pieces while the model \
        writes; returns the whole message with finish reason, tokens and cost.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(600);

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        if args
            .messages
            .iter()
            .map(|turn| turn.content.len())
            .sum::<usize>()
            > MAX_BYTES
        {
            return Err(ToolError::too_large(format!(
                "the messages have more than {MAX_BYTES} bytes"
            )));
        }
        let (target, request, _slot) = server.begin(ctx, "chat", &args.model).await?;
        let messages = args.messages.into_iter().map(|turn| Message {
            role: turn.role,
            content: turn.content,
        });
        let asked = ChatRequest {
            model: target.upstream.clone(),
            messages: messages.collect(),
            temperature: args.temperature,
            top_p: args.top_p,
            max_tokens: args.max_tokens,
            stop: args.stop,
            seed: args.seed,
            stream: args.stream,
        };
        let delta = {
            let (ctx, request) = (ctx.clone(), Arc::clone(&request));
            move |piece: &str| {
                request.heard();
                ctx.delta(piece);
            }
        };
        let answer = target.place.provider.chat(&asked, &delta).await;
        drop(delta);
        let answer = answer.map(|answer| {
            let usage = answer.usage;
            (answer, usage)
        });
        let (answer, usage, cost) = request.end(&target, answer).await?;
        Ok(Output {
            request_id: request.id.clone(),
            model: args.model,
            provider: target.place.name.to_string(),
            message: Answer {
                role: Role::Assistant,
                content: answer.text,
            },
            finish_reason: answer.finish,
            usage: usage.into(),
            cost,
            simulated: target.simulated,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::{
        model::CostSource,
        tests::{rows, team},
    };

    fn args(model: &str, text: &str) -> Args {
        serde_json::from_value(
            json!({ "model": model, "messages": [{ "role": "user", "content": text }] }),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn the_mock_answers_without_any_key_and_says_what_it_is() {
        let team = team().await;
        let said = team
            .call::<Chat>(args("mock/echo", "hello there"))
            .await
            .unwrap();
        assert_eq!(
            (said.message.content.as_str(), said.simulated),
            ("hello there", true)
        );
        assert_eq!(
            (said.cost.usd, said.cost.source),
            (Some(0.0), CostSource::Simulated)
        );
        assert_eq!(rows(&team).await, ["ann mock/echo ok 2 2"]);
    }

    #[tokio::test]
    async fn failures_are_told_and_noted() {
        let team = team().await;
        let limited = team
            .call::<Chat>(args("mock/echo:status=429,retry=7", "x"))
            .await
            .unwrap_err();
        assert_eq!(
            (limited.code, limited.retry_after),
            (Code::RateLimited, Some(Duration::from_secs(7)))
        );
        let locked = team
            .call::<Chat>(args("mock/echo:status=401", "x"))
            .await
            .unwrap_err();
        assert_eq!(locked.code, Code::Upstream);
        let died = team
            .call::<Chat>(args("mock/lorem:die=2", "x"))
            .await
            .unwrap_err();
        assert_eq!(
            (died.code, died.details.unwrap()["partial"].as_str()),
            (Code::Upstream, Some("lorem ipsum "))
        );
        assert_eq!(
            team.call::<Chat>(args("gpt-9", "x"))
                .await
                .unwrap_err()
                .code,
            Code::NotFound
        );
        let statuses: Vec<String> = rows(&team)
            .await
            .iter()
            .map(|row| row.split(' ').nth(2).unwrap().to_owned())
            .collect();
        assert_eq!(statuses, ["error", "error", "partial"]);
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_is_noted() {
        let team = team().await;
        let gone = tokio::time::timeout(
            Duration::from_millis(200),
            team.call::<Chat>(args("mock/echo:hang", "x")),
        )
        .await;
        assert!(gone.is_err());
        for _ in 0..200 {
            if rows(&team).await == ["ann mock/echo:hang cancelled 0 0"] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", rows(&team).await);
    }

    #[tokio::test]
    async fn nonsense_is_refused_before_anything_is_sent() {
        let team = team().await;
        let hot = Args {
            temperature: Some(3.0),
            ..args("mock/echo", "x")
        };
        assert_eq!(
            team.call::<Chat>(hot).await.unwrap_err().code,
            Code::InvalidArgument
        );
        let silent = Args {
            messages: Vec::new(),
            ..args("mock/echo", "x")
        };
        assert_eq!(
            team.call::<Chat>(silent).await.unwrap_err().code,
            Code::InvalidArgument
        );
        assert!(rows(&team).await.is_empty());
    }
}
