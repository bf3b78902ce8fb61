//! Tools that speak with the client before they answer.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResult, ProtocolVersion, ServerRequest},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    answers::{typed, unknown},
    tools::said,
};

const PAUSE: Duration = Duration::from_millis(50);

type Context = RequestContext<RoleServer>;

/// Runs the tool that `request` names.
pub async fn call(
    request: &CallToolRequestParams,
    ctx: &Context,
) -> Result<CallToolResult, ErrorData> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|a| a.get(name));
        given.cloned().unwrap_or_default()
    };
    match &*request.name {
        "test_tool_with_logging" | "test_logging_tool" => log(ctx).await,
        "test_tool_with_progress" => progress(ctx).await,
        "test_reconnection" => tokio::time::sleep(2 * PAUSE).await,
        "test_missing_capability" => {
            let declared = ctx.client_capabilities().unwrap_or_default();
            if declared.sampling.is_none() {
                let needed = typed(json!({"sampling": {}}));
                return Err(ErrorData::missing_required_client_capability(needed));
            }
        }
        "test_sampling" => {
            let content = json!({"type": "text", "text": argument("prompt")});
            let messages = json!([{"role": "user", "content": content}]);
            let params = json!({"messages": messages, "maxTokens": 100});
            return ask(ctx, "sampling/createMessage", params).await;
        }
        "test_elicitation" => {
            let string = |about: &str| json!({"type": "string", "description": about});
            let fields = json!({"username": string("User's response"), "email": string("User's email address")});
            let message = argument("message");
            return elicit(ctx, message, fields, &["username", "email"]).await;
        }
        "test_elicitation_sep1034_defaults" => {
            return elicit(ctx, "Please confirm the defaults".into(), defaults(), &[]).await;
        }
        "test_elicitation_sep1330_enums" => {
            return elicit(ctx, "Please choose".into(), enums(), &[]).await;
        }
        other => return Err(unknown("tool", other)),
    }
    Ok(said("done"))
}

/// Three messages; in the newer era only for a client that asked for them in its request.
async fn log(ctx: &Context) {
    let older = ctx
        .protocol_version()
        .is_some_and(|v| v < ProtocolVersion::V_2026_07_28);
    let wanted = older || ctx.meta.log_level().is_some();
    for message in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        if wanted {
            let message = typed(json!({"level": "info", "data": message}));
            let _gone = ctx.peer.notify_logging_message(message).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn progress(ctx: &Context) {
    for done in [0, 50, 100] {
        if let Some(token) = ctx.meta.get_progress_token() {
            let progress = typed(json!({"progressToken": token, "progress": done, "total": 100}));
            let _gone = ctx.peer.notify_progress(progress).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn elicit(
    ctx: &Context,
    message: Value,
    fields: Value,
    required: &[&str],
) -> Result<CallToolResult, ErrorData> {
    let schema = json!({"type": "object", "properties": fields, "required": required});
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    ask(ctx, "elicitation/create", params).await
}

/// Sends a request of the server's own to the client, and shows what came back.
async fn ask(ctx: &Context, method: &str, params: Value) -> Result<CallToolResult, ErrorData> {
    let request: ServerRequest = typed(json!({"method": method, "params": params}));
    match ctx.peer.send_request(request).await {
        Ok(answer) => Ok(said(&format!("The client said: {}", json!(answer)))),
        Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
    }
}

/// A default for every primitive type (SEP-1034).
fn defaults() -> Value {
    json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    })
}

/// Every way to write a choice (SEP-1330).
fn enums() -> Value {
    let options = json!(["option1", "option2", "option3"]);
    let titled = json!([
        {"const": "value1", "title": "First"},
        {"const": "value2", "title": "Second"},
        {"const": "value3", "title": "Third"},
    ]);
    json!({
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    })
}
