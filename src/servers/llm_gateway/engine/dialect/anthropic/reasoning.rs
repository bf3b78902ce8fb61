//! How much a model shall think, in Anthropic's words. Older models are given a budget; newer ones decide themselves (`adaptive`) and are
//! told an effort.

use serde_json::{Map, Value, json};

use super::{
    super::{BadRequest, node::Node},
    generation::{always_thinks, is_adaptive, thinks_when_asked},
};
use crate::servers::llm_gateway::engine::chat::{ChatRequest, Part, Reasoning, Role, ToolChoice};

/// Fewest tokens of thinking that the API takes.
const MIN_BUDGET: u32 = 1024;

/// Reads `thinking` and `output_config.effort`.
pub fn read(root: &Node) -> Result<Option<Reasoning>, BadRequest> {
    let config = root.get("output_config");
    let effort = config
        .as_ref()
        .map(|config| config.read("effort", Node::string));
    let effort = effort.transpose()?.flatten();
    let Some(thinking) = root.get("thinking") else {
        return Ok(effort.map(Reasoning::Effort));
    };
    let (node, kind) = thinking.kind()?;
    match kind {
        "enabled" => Ok(Some(Reasoning::Budget(
            thinking.need("budget_tokens")?.count()?,
        ))),
        "disabled" => Ok(Some(Reasoning::Off)),
        // As much as it takes, where nothing else is said.
        "adaptive" | "between_tools" => Ok(Some(Reasoning::Effort(
            effort.unwrap_or_else(|| "medium".to_owned()),
        ))),
        _ => Err(node.bad("must be enabled, adaptive or disabled")),
    }
}

/// What a request says of thinking.
#[derive(Debug, PartialEq)]
pub enum Thinking {
    Unsaid,
    Off,
    /// `output_config.effort`
    Adaptive(&'static str),
    Budget(u32),
}

impl Thinking {
    /// How `request` shall think, given room for `max_tokens`.
    pub fn of(request: &ChatRequest, max_tokens: u32) -> Self {
        let wish = match &request.reasoning {
            None => return Self::Unsaid,
            Some(Reasoning::Off) if always_thinks(&request.model) => return Self::Adaptive("low"),
            Some(Reasoning::Off) if thinks_when_asked(&request.model) => return Self::Unsaid,
            Some(Reasoning::Off) => return Self::Off,
            Some(wish) => wish,
        };
        // The API refuses thinking before a tool that must be called.
        if matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Tool(_))
        ) {
            return Self::Unsaid;
        }
        if is_adaptive(&request.model) {
            return Self::Adaptive(effort(wish));
        }
        // With a budget, a turn that called tools must come back with its signed thinking; other dialects lose it.
        if !is_signed(request) {
            return Self::Unsaid;
        }
        let budget = match wish {
            Reasoning::Budget(budget) => (*budget).min(max_tokens.saturating_sub(1)),
            wish => budget(wish).min(max_tokens / 2),
        };
        if budget < MIN_BUDGET {
            return Self::Unsaid;
        }
        Self::Budget(budget)
    }

    pub fn is_on(&self) -> bool {
        matches!(self, Self::Adaptive(_) | Self::Budget(_))
    }

    /// Writes `thinking`, and the effort into `config`.
    pub fn write(&self, body: &mut Map<String, Value>, config: &mut Map<String, Value>) {
        let thinking = match self {
            Self::Unsaid => return,
            Self::Off => json!({ "type": "disabled" }),
            Self::Budget(tokens) => json!({ "type": "enabled", "budget_tokens": tokens }),
            Self::Adaptive(effort) => {
                config.insert("effort".into(), json!(effort));
                json!({ "type": "adaptive" })
            }
        };
        body.insert("thinking".into(), thinking);
    }
}

/// Tokens of thinking that are wished for.
pub fn budget(wish: &Reasoning) -> u32 {
    match wish {
        Reasoning::Off => 0,
        Reasoning::Budget(tokens) => *tokens,
        Reasoning::Effort(effort) => match effort.as_str() {
            "minimal" => MIN_BUDGET,
            "low" => 2048,
            "high" => 16_384,
            "xhigh" | "max" => 32_768,
            _ => 8192,
        },
    }
}

fn effort(wish: &Reasoning) -> &'static str {
    match wish {
        Reasoning::Effort(effort) => match effort.as_str() {
            "minimal" | "low" => "low",
            "high" => "high",
            "xhigh" => "xhigh",
            "max" => "max",
            _ => "medium",
        },
        Reasoning::Budget(..4096) => "low",
        Reasoning::Budget(..16_384) => "medium",
        Reasoning::Budget(_) | Reasoning::Off => "high",
    }
}

/// Whether the last turn of the model, if it called tools, still has its signed thinking.
fn is_signed(request: &ChatRequest) -> bool {
    let last = request
        .messages
        .iter()
        .rfind(|message| message.role == Role::Assistant);
    let Some(last) = last else { return true };
    let called = last
        .parts
        .iter()
        .any(|part| matches!(part, Part::ToolCall(_)));
    let signed = |part: &Part| {
        matches!(
            part,
            Part::RedactedThinking(_)
                | Part::Thinking {
                    signature: Some(_),
                    ..
                }
        )
    };
    !called || last.parts.iter().any(signed)
}
