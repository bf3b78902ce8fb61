//! `get_request`: what became of one request.

use crate::{
    base::clock::rfc3339,
    servers::llm_gateway::{
        LlmGateway,
        model::{Usage, dollars},
        store::{AttemptRow, Found},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetRequest;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The request's id, as its answer and `x-request-id` have it.
    #[garde(length(bytes, min = 1, max = 200))]
    pub request_id: String,
}

/// One time that a provider was asked.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Attempt {
    /// Who was asked.
    pub provider: String,
    /// The provider's own name of the model.
    pub upstream_model: String,
    /// ok, error, partial or cancelled.
    pub status: String,
    /// The provider's HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i64>,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long the provider asked to wait, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    /// When it began: RFC 3339, UTC.
    pub started: String,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<i64>,
    /// Output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<i64>,
    /// Dollars, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The request's id.
    pub request_id: String,
    /// The agent that it was made for.
    pub agent: String,
    /// Id of the service token that it was made with.
    pub token: String,
    /// chat or embed.
    pub kind: String,
    /// Model or route, as it was asked for.
    pub model: String,
    /// The route that it went by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How it was asked: mcp, openai, responses or anthropic.
    pub face: String,
    /// Whether the answer was asked for piece by piece.
    pub stream: bool,
    /// Who answered, or was asked last; empty where nobody was.
    pub provider: String,
    /// That provider's own name of the model.
    pub upstream_model: String,
    /// True where the answer was made up by the built-in provider.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// started, ok, error, partial, cancelled, cached or aborted.
    pub status: String,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why the model stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// What the cache did: miss, hit, shared or replay. Left out where it was off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// Tokens by class.
    pub usage: Usage,
    /// Where they come from: provider, estimated or none.
    pub usage_source: String,
    /// Dollars; left out where not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the cost comes from: config, imported, table, simulated, cache or unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<String>,
    /// Which price it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_id: Option<String>,
    /// Dollars that an answer from the cache would have cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<f64>,
    /// When it began: RFC 3339, UTC.
    pub started: String,
    /// How long it took, in milliseconds; left out until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// How long the first piece of the answer took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<i64>,
    /// Every time that a provider was asked, in order.
    pub attempts: Vec<Attempt>,
    /// What was asked, as JSON text, where the settings keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// What was answered, as JSON text or as a stream's events, where the settings keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
}

impl Tool for GetRequest {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_request";
    const ABOUT: &'static str = "Show one of the project's requests to a model: how it ended, every attempt at a provider with its \
        error, tokens, cost and times. Use it to find out why a call failed or what it cost; get_usage sums up many. Returns the \
        request.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let id = args.request_id;
        match server.store.find(ctx.project(), &id).await? {
            Some(found) => Ok(shown(id, found)),
            None => Err(ToolError::not_found("request", id)
                .hint("use the request_id of an answer in this project; old requests are removed")),
        }
    }
}

fn shown(request_id: String, found: Found) -> Output {
    let Found {
        request,
        attempts,
        bodies,
    } = found;
    let (request_body, response_body) = bodies.unwrap_or_default();
    let count = |tokens: Option<i64>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    Output {
        request_id,
        agent: request.agent_id,
        token: request.token_id,
        kind: request.kind,
        model: request.model,
        route: request.route,
        face: request.face,
        stream: request.streamed,
        provider: request.provider,
        upstream_model: request.upstream_model,
        simulated: request.simulated,
        status: request.status,
        code: request.code,
        finish_reason: request.finish,
        cache: request.cache,
        usage: Usage {
            input_tokens: count(request.input_tokens),
            cached_tokens: count(request.cached_tokens),
            cache_written_tokens: count(request.written_tokens),
            output_tokens: count(request.output_tokens),
            reasoning_tokens: count(request.reasoning_tokens),
        },
        usage_source: request.usage_source,
        cost_usd: request.cost_nanousd.map(dollars),
        cost_source: request.cost_source,
        price_id: request.price_id,
        saved_usd: request.saved_nanousd.map(dollars),
        started: rfc3339(request.started_ms),
        duration_ms: request.duration_ms,
        first_token_ms: request.first_token_ms,
        attempts: attempts.into_iter().map(attempt).collect(),
        request_body,
        response_body,
    }
}

fn attempt(row: AttemptRow) -> Attempt {
    Attempt {
        provider: row.provider,
        upstream_model: row.upstream_model,
        status: row.status,
        http_status: row.http_status,
        code: row.code,
        message: row.message,
        retry_after_ms: row.retry_after_ms,
        started: rfc3339(row.started_ms),
        duration_ms: row.duration_ms,
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        cost_usd: row.cost_nanousd.map(dollars),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::{
        engine::chat,
        record::{self, Began, Ended, Event, Kind, Outcome, Status},
        store::Store,
        tests::team,
    };

    #[tokio::test]
    async fn a_request_shows_its_attempts_in_its_own_project() {
        let team = team().await;
        let failed = record::Attempt {
            provider: "a".into(),
            status: Status::Error,
            http_status: Some(529),
            message: Some("overloaded".into()),
            ..record::Attempt::default()
        };
        let answered = record::Attempt {
            provider: "b".into(),
            status: Status::Ok,
            cost_nanousd: Some(2_500_000),
            ..record::Attempt::default()
        };
        let ended = Ended {
            began: Began {
                id: "req_1".into(),
                project: "demo".into(),
                agent: "ann".into(),
                token: "tok".into(),
                kind: Kind::Chat,
                model: "m".into(),
                route: None,
                dialect: None,
                stream: true,
                idempotency_hash: None,
                owner: "own".into(),
                started_ms: 0,
            },
            outcome: Outcome {
                status: Status::Ok,
                finish: Some(chat::Finish::ToolCalls),
                usage: chat::Usage {
                    input: Some(7),
                    ..chat::Usage::default()
                },
                cost_nanousd: Some(2_500_000),
                ..Outcome::default()
            },
            attempts: vec![failed, answered],
            charges: Vec::new(),
            bodies: None,
        };
        Store::new(team.host.db.clone())
            .apply(vec![Event::Ended(Box::new(ended))])
            .await
            .unwrap();

        let args = || Args {
            request_id: "req_1".into(),
        };
        let found = team.call::<GetRequest>(args()).await.unwrap();
        let shown = serde_json::to_value(&found).unwrap();
        let expected = json!({
            "status": "ok", "finish_reason": "tool_calls", "cost_usd": 0.0025, "face": "mcp", "started": "1970-01-01T00:00:00.000Z",
        });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&shown[field], value, "{field}");
        }
        let attempts: Vec<_> = found
            .attempts
            .iter()
            .map(|a| (a.provider.as_str(), a.http_status, a.cost_usd))
            .collect();
        assert_eq!(
            attempts,
            [("a", Some(529), None), ("b", None, Some(0.0025))]
        );

        let foreign = team
            .at("elsewhere", "eve")
            .call::<GetRequest>(args())
            .await
            .unwrap_err();
        let none = team
            .call::<GetRequest>(Args {
                request_id: "req_2".into(),
            })
            .await
            .unwrap_err();
        assert_eq!(foreign.message.replace("req_1", "req_2"), none.message);
        assert_eq!(foreign.code, Code::NotFound);
    }
}
