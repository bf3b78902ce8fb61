//! The models, as clients of either dialect list them. Anthropic's are known by the header that they always send.

use crate::{
    base::clock::Millis,
    servers::llm_gateway::{
        LlmGateway,
        engine::dialect::{
            Dialect,
            models::{ModelInfo, write_model, write_models},
        },
    },
    tool::{ToolError, WireReply, WireRequest},
};

/// All models and routes.
pub fn list(gateway: &LlmGateway, request: &WireRequest) -> WireReply {
    let items: Vec<ModelInfo> = gateway.setup().catalogue.names().map(info).collect();
    WireReply::json(200, &write_models(dialect(request), &items))
}

/// One of them, or any model that can be asked for.
pub fn get(
    gateway: &LlmGateway,
    now: Millis,
    request: &WireRequest,
) -> Result<WireReply, ToolError> {
    let plan = gateway.setup().catalogue.plan(&request.rest, &[], now)?;
    let owner = plan
        .targets
        .first()
        .map(|(target, _)| target.key.provider.to_string());
    let item = info((request.rest.clone(), owner.unwrap_or_default()));
    Ok(WireReply::json(200, &write_model(dialect(request), &item)))
}

fn info((id, owned_by): (String, String)) -> ModelInfo {
    ModelInfo {
        id,
        owned_by,
        created_s: 0,
    }
}

fn dialect(request: &WireRequest) -> Dialect {
    if request.headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else {
        Dialect::Openai
    }
}
