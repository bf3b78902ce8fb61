//! The faces in the dialects of others: what `/v1` serves. The official clients of OpenAI and Anthropic work with them unchanged.
//!
//! <https://platform.openai.com/docs/api-reference>, <https://docs.anthropic.com/en/api>

mod ask;
mod count;
mod models;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    LlmGateway,
    call::refusal,
    engine::{
        dialect::{Dialect, Trouble},
        upstream::Operation,
    },
    tools::{chat::Chat, count_tokens::CountTokens, embed::Embed, list_models::ListModels},
};
use crate::tool::{Ctx, Method, Tool, ToolError, Wire, WireReply, WireRequest, WireSet};

/// Longest body of a request in bytes: pictures come inside.
const MAX_BODY: usize = 32 << 20;

/// How long an answer may come: longer than for a tool, whose caller waits for the whole.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Adds all faces.
pub fn add(set: &mut WireSet<LlmGateway>) {
    set.add::<ChatCompletions>()
        .add::<Responses>()
        .add::<Messages>()
        .add::<Embeddings>()
        .add::<Count>()
        .add::<Models>()
        .add::<Model>();
}

macro_rules! faces {
    ($($(#[$about:meta])* $name:ident $path:literal $tool:ty, $dialect:expr, $operation:expr;)*) => {
        $(
            $(#[$about])*
            struct $name;

            impl Wire for $name {
                type Tool = $tool;
                const METHOD: Method = Method::Post;
                const PATH: &'static str = $path;
                const MAX_BODY: usize = MAX_BODY;
                const DEADLINE: Duration = DEADLINE;

                fn arguments(request: &WireRequest) -> Map<String, Value> {
                    named(&request.body)
                }

                async fn run(server: &Arc<<Self::Tool as Tool>::Server>, ctx: &Ctx, request: WireRequest) -> Result<WireReply, ToolError> {
                    ask::ask(server, ctx, request, $dialect, $operation).await
                }

                fn refuse(error: &ToolError, request_id: &str) -> WireReply {
                    refuse($dialect, error, request_id)
                }
            }
        )*
    };
}

faces! {
    /// OpenAI's chat completions.
    ChatCompletions "/v1/chat/completions" Chat, Dialect::Openai, Operation::ChatCompletions;
    /// OpenAI's responses.
    Responses "/v1/responses" Chat, Dialect::Responses, Operation::Responses;
    /// Anthropic's messages.
    Messages "/v1/messages" Chat, Dialect::Anthropic, Operation::Messages;
    /// OpenAI's embeddings.
    Embeddings "/v1/embeddings" Embed, Dialect::Openai, Operation::Embeddings;
}

/// Anthropic's count of a request's tokens.
struct Count;

impl Wire for Count {
    type Tool = CountTokens;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/messages/count_tokens";
    const MAX_BODY: usize = MAX_BODY;

    fn arguments(request: &WireRequest) -> Map<String, Value> {
        named(&request.body)
    }

    async fn run(
        server: &Arc<LlmGateway>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        count::count(server, ctx, request).await
    }

    fn refuse(error: &ToolError, request_id: &str) -> WireReply {
        refuse(Dialect::Anthropic, error, request_id)
    }
}

/// The list of models, in either dialect.
struct Models;

impl Wire for Models {
    type Tool = ListModels;
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/models";
    const MAX_BODY: usize = 0;

    async fn run(
        server: &Arc<LlmGateway>,
        _ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        Ok(models::list(server, &request))
    }

    fn refuse(error: &ToolError, request_id: &str) -> WireReply {
        refuse_either(error, request_id)
    }
}

/// One model.
struct Model;

impl Wire for Model {
    type Tool = ListModels;
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/models/{*rest}";
    const MAX_BODY: usize = 0;

    async fn run(
        server: &Arc<LlmGateway>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        models::get(server, ctx.now(), &request)
    }

    fn refuse(error: &ToolError, request_id: &str) -> WireReply {
        refuse_either(error, request_id)
    }
}

/// What the audit log keeps of a body: what is asked, and how; nothing that is said.
fn named(body: &[u8]) -> Map<String, Value> {
    #[derive(Default, Deserialize)]
    struct Named {
        model: Option<Value>,
        stream: Option<Value>,
    }
    let Named { model, stream } = serde_json::from_slice(body).unwrap_or_default();
    let named = [("model", model), ("stream", stream)].into_iter();
    named
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// `error` as `dialect` tells it.
fn refuse(dialect: Dialect, error: &ToolError, request_id: &str) -> WireReply {
    let trouble = refusal::trouble(error);
    let body = dialect.write_error(&trouble, request_id);
    told(&trouble, &body, request_id)
}

/// `error` where clients of both dialects ask: in Anthropic's, with the fields beside it that OpenAI's clients read.
fn refuse_either(error: &ToolError, request_id: &str) -> WireReply {
    let trouble = refusal::trouble(error);
    let mut body = Dialect::Anthropic.write_error(&trouble, request_id);
    let openai = Dialect::Openai.write_error(&trouble, request_id);
    let fields = body.get_mut("error").and_then(Value::as_object_mut);
    if let (Some(fields), Some(openai)) = (fields, openai.get("error")) {
        for name in ["param", "code"] {
            fields.insert(name.into(), openai.get(name).cloned().unwrap_or_default());
        }
    }
    told(&trouble, &body, request_id)
}

fn told(trouble: &Trouble, body: &Value, request_id: &str) -> WireReply {
    let mut reply = WireReply::json(trouble.status, body);
    name_request(&mut reply.headers, request_id);
    // A budget that is used up stays so: the clients' own retries would be in vain.
    if trouble.code.as_deref() == Some("insufficient_quota") {
        let never = HeaderValue::from_static("false");
        reply.headers.insert("x-should-retry", never);
    }
    reply
}

/// Where Anthropic's clients look for the request's id; OpenAI's find it in `x-request-id`, which every answer has.
fn name_request(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("request-id", value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::{Code, WireBody};

    #[test]
    fn clients_of_both_dialects_read_why_they_get_no_model() {
        let reply = refuse_either(&ToolError::new(Code::NotFound, "model m not found"), "r1");
        let WireBody::Whole(body) = reply.body else {
            panic!("a refusal is no stream");
        };
        assert_eq!(
            (
                reply.status,
                serde_json::from_slice::<Value>(&body).unwrap()
            ),
            (
                404,
                json!({
                    "type": "error",
                    "error": {
                        "type": "not_found_error",
                        "message": "model m not found",
                        "param": null,
                        "code": "model_not_found",
                    },
                    "request_id": "r1",
                })
            )
        );
    }
}
