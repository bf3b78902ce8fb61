//! `chat`: ask a model.

use std::sync::Arc;

use serde_json::Value;

use super::turn::{self, Call, Function, Role, Shape, Turn};
use crate::{
    servers::llm_gateway::{
        LlmGateway,
        call::{
            Asked, attempts,
            lanes::read,
            request::{Done, Request},
            shared::{self, CacheWish, Found, Stored, Wish},
        },
        engine::{
            chat::{ChatAnswer, ChatRequest, Finish, Format, Part},
            tokens,
            upstream::Tally,
        },
        model::{Usage, dollars},
        record::{CacheOutcome, CostSource, Kind, UsageSource},
        routing::plan::Wants,
    },
    tool::prelude::*,
};

/// Bytes of all messages together.
const MAX_BYTES: usize = 16 << 20;

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct Chat;

/// What the caller sends.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A model or route from list_models, or `provider/model`. `mock/echo` and `mock/lorem` need no key.
    #[garde(length(chars, min = 1, max = 200))]
    pub model: String,
    /// The conversation so far, oldest first.
    #[garde(length(min = 1, max = 1000), dive)]
    pub messages: Vec<Turn>,
    /// Tools that the model may call: it answers with `tool_calls`, you call them and go on with their results.
    #[serde(default)]
    #[garde(length(max = 128), dive)]
    pub tools: Vec<Function>,
    /// `auto`, `none`, `required`, or the name of the tool to be called; `auto` if left out.
    #[garde(length(bytes, min = 1, max = 128))]
    pub tool_choice: Option<String>,
    /// The form of the answer; any text if left out.
    #[serde(default)]
    #[garde(dive)]
    pub response_format: Shape,
    /// How much to think before the answer: `none`, `minimal`, `low`, `medium`, `high`, where the model can.
    #[garde(length(bytes, min = 1, max = 32))]
    pub reasoning_effort: Option<String>,
    /// 0 for the likeliest words, more for variety.
    #[garde(inner(range(min = 0.0, max = 2.0)))]
    pub temperature: Option<f64>,
    /// Choose among the likeliest words that make up this share, above 0 to 1.
    #[garde(inner(range(min = 0.0, max = 1.0)))]
    pub top_p: Option<f64>,
    /// Most tokens of the answer; the model's own limit if left out. Near a budget's end a limit helps: it is what is reserved.
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    pub max_tokens: Option<u32>,
    /// Texts at which the model stops.
    #[serde(default)]
    #[garde(length(max = 4), inner(length(bytes, min = 1, max = 200)))]
    pub stop: Vec<String>,
    /// Makes answers repeatable where the provider can.
    pub seed: Option<u64>,
    /// Models or routes to be asked, in order, when the first fails.
    #[serde(default)]
    #[garde(length(max = 8), inner(length(chars, min = 1, max = 200)))]
    pub fallbacks: Vec<String>,
    /// Whether an earlier answer to the same call may serve: `auto` as the hub is set (never with tools or a temperature above
    /// 0), `off`, or `exact`.
    #[serde(default)]
    pub cache: CacheWish,
    /// Repeat a call with the same key and it is answered again, not asked again.
    #[garde(length(bytes, min = 1, max = 200))]
    pub idempotency_key: Option<String>,
    /// Send the answer's text as it comes, besides the whole at the end. Only few servers cannot: then false.
    #[serde(default = "yes")]
    pub stream: bool,
}

fn yes() -> bool {
    true
}

/// The model's turn.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// `assistant`.
    pub role: Role,
    /// The text.
    pub content: String,
    /// What it thought before, where the provider shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// The tools that it wants to be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Call>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Id of the request, for get_request.
    pub request_id: String,
    /// The model as it was asked for.
    pub model: String,
    /// The provider that answered.
    pub provider: String,
    /// What the model said.
    pub message: Answer,
    /// Why it stopped; `length` means that the answer is cut.
    pub finish_reason: Finish,
    /// Tokens.
    pub usage: Usage,
    /// Who counted them.
    pub usage_source: UsageSource,
    /// Dollars; left out when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the cost comes from.
    pub cost_source: CostSource,
    /// Where the answer comes from, when the cache or an earlier call had a part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheOutcome>,
    /// Attempts that failed before this answer.
    #[serde(skip_serializing_if = "is_empty")]
    pub attempts: Value,
    /// Budgets that are used up, and warn, or led to another model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// True for an answer that no model gave: the built-in provider made it up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

fn is_empty(attempts: &Value) -> bool {
    attempts.as_array().is_none_or(Vec::is_empty)
}

impl Tool for Chat {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "chat";
    const ABOUT: &'static str = "Ask a language model through the hub: any configured provider, with fallbacks, budgets, usage and \
        cost recorded for your project. Use embed for vectors, list_models for names, explain_route to see in advance who would \
        answer. The text comes in pieces while the model writes; returns the whole message with finish reason, tokens and cost.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["messages"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(600);

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let body = serde_json::to_vec(&args).map_err(ToolError::internal)?;
        if body.len() > MAX_BYTES {
            return Err(ToolError::too_large(format!(
                "the messages have more than {MAX_BYTES} bytes: leave out old turns, or pictures"
            )));
        }
        let wish = Wish {
            cache: args.cache,
            idempotency: args.idempotency_key.clone(),
            hot: args
                .temperature
                .is_some_and(|temperature| temperature > 0.0),
        };
        let (asked, request) = read(args)?;
        let plan = server
            .setup()
            .catalogue
            .plan(&asked.model, &asked.fallbacks, ctx.now())?;
        let (keep, cache) = match shared::find(server, ctx, &asked, &wish, &plan, "chat", &body)
            .await?
        {
            Found::Before(stored, how) => {
                let said = serde_json::from_slice(&stored.body()).map_err(ToolError::internal)?;
                let books = Request::begin(server, ctx, &asked, Some(how), &body).await?;
                let done = books.cached(&stored, how);
                return Ok(output(&asked, said, done, Some(how)));
            }
            Found::Nowhere(keep, cache) => (keep, cache),
        };
        let mut books = Request::begin(server, ctx, &asked, cache, &body).await?;
        let lane = read::Chat {
            ctx,
            request,
            seen: books.counter(),
        };
        match attempts::run(server, ctx, &asked, plan, &lane, &mut books).await {
            Ok(answer) => {
                let failed = books.attempts();
                let warnings = books.warnings();
                let tally = Tally {
                    usage: answer.usage,
                    finish: Some(answer.finish),
                    mode: None,
                };
                let said = Said::of(answer);
                let text = serde_json::to_vec(&said).map_err(ToolError::internal)?;
                let done = books.finish(&tally, Some(&text));
                if keep.is_wanted() {
                    keep.land(Stored::new(vec![text.into()], false, &done));
                }
                Ok(Output {
                    attempts: failed,
                    warnings,
                    ..output(&asked, said, done, cache)
                })
            }
            Err(error) => {
                books.refused(&error);
                keep.fail(&error);
                Err(error)
            }
        }
    }
}

/// What is kept of an answer.
#[derive(Serialize, Deserialize)]
struct Said {
    message: Answer,
    finish: Finish,
}

impl Said {
    fn of(answer: ChatAnswer) -> Self {
        let calls = answer.tool_calls().map(|call| Call {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        });
        let thought = answer.parts.iter().filter_map(|part| match part {
            Part::Thinking { text, .. } => Some(text.as_str()),
            _ => None,
        });
        Self {
            message: Answer {
                role: Role::Assistant,
                content: answer.text(),
                thinking: thought.collect(),
                tool_calls: calls.collect(),
            },
            finish: answer.finish,
        }
    }
}

fn output(asked: &Asked, said: Said, done: Done, cache: Option<CacheOutcome>) -> Output {
    Output {
        request_id: done.request_id,
        model: asked.model.to_string(),
        provider: done.provider.to_string(),
        message: said.message,
        finish_reason: said.finish,
        usage: done.usage.into(),
        usage_source: done.usage_source,
        cost_usd: done.cost_nanousd.map(dollars),
        cost_source: done.cost_source,
        cache,
        attempts: Value::Array(Vec::new()),
        warnings: Vec::new(),
        simulated: done.simulated,
    }
}

/// The call, and the same in no dialect.
fn read(args: Args) -> Result<(Asked, ChatRequest), ToolError> {
    let text_bytes = args
        .messages
        .iter()
        .map(|turn| turn.content.len() as u64)
        .sum();
    let turns = args.messages.len() as u64;
    let images = args.messages.iter().any(|turn| !turn.images.is_empty());
    let messages = args.messages.into_iter().enumerate();
    let request = ChatRequest {
        model: String::new(),
        messages: messages
            .map(|(place, turn)| turn::message(place, turn))
            .collect::<Result<_, _>>()?,
        tools: args.tools.into_iter().map(Into::into).collect(),
        tool_choice: args.tool_choice.map(turn::choice),
        format: args.response_format.try_into()?,
        max_tokens: args.max_tokens,
        temperature: args.temperature,
        top_p: args.top_p,
        stop: args.stop,
        seed: args.seed,
        reasoning: args.reasoning_effort.map(turn::reasoning),
        stream: args.stream,
        ..ChatRequest::default()
    };
    let input = tokens::estimate(text_bytes, turns);
    let asked = Asked {
        kind: Kind::Chat,
        dialect: None,
        model: Arc::from(args.model),
        fallbacks: args.fallbacks,
        stream: request.stream,
        wants: Wants {
            tools: !request.tools.is_empty(),
            images,
            schema: matches!(request.format, Format::JsonSchema { .. }),
            input,
        },
        input,
        max_tokens: request.max_tokens,
    };
    Ok((asked, request))
}

#[cfg(test)]
mod tests;
