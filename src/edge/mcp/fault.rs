//! Errors as MCP has them.

use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock, ErrorCode, MetaObject},
};
use serde_json::{Map, Value, json};

use crate::tool::{Code, ToolError};

/// A failed call. Clients check `structuredContent` against the output schema even on errors: the problem goes into
/// text and `_meta`.
pub fn result(error: &ToolError) -> CallToolResult {
    let problem = error.problem();
    let text = Value::Object(problem.clone()).to_string();
    let meta = MetaObject::from(Map::from_iter([(
        "syndarix/error".to_owned(),
        Value::Object(problem),
    )]));
    CallToolResult::error(vec![ContentBlock::text(text)]).with_meta(Some(meta))
}

/// A failed request that is no call: a JSON-RPC error with the problem as its data.
pub fn error(error: &ToolError) -> ErrorData {
    let code = match error.code {
        Code::InvalidArgument | Code::TooLarge | Code::PreconditionFailed | Code::Conflict => {
            ErrorCode::INVALID_PARAMS
        }
        Code::UnknownTool => ErrorCode::INVALID_PARAMS,
        Code::Unauthenticated => ErrorCode::INVALID_REQUEST,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    ErrorData::new(
        code,
        error.message.clone(),
        Some(Value::Object(error.problem())),
    )
}

/// A resource that could not be read. What is not there and what is another's answer alike.
pub fn resource(failed: &ToolError, uri: &str) -> ErrorData {
    match failed.code {
        // A conflict says that there is nothing to show yet: no repository, no commit.
        Code::NotFound | Code::Forbidden | Code::Conflict => {
            ErrorData::resource_not_found(failed.message.clone(), Some(json!({"uri": uri})))
        }
        _ => error(failed),
    }
}
