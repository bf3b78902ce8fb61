//! Tools and prompts that need input first, in the newer era: they answer with what they need and are called again
//! (SEP-2322). Between rounds the client carries the state, sealed.

use hmac::{Hmac, Mac};
use rmcp::{
    ErrorData, RoleServer,
    model::{InputRequiredResult, InputResponses},
    service::RequestContext,
};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::answers::typed;

/// What is asked for, round by round: requests by key.
pub struct Steps {
    rounds: Vec<Map<String, Value>>,
    stateful: bool,
}

fn elicit(message: &str, field: &str, kind: &str) -> Value {
    let schema =
        json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    json!({"method": "elicitation/create", "params": params})
}

fn sample(prompt: &str) -> Value {
    let content = json!({"type": "text", "text": prompt});
    let params = json!({"messages": [{"role": "user", "content": content}], "maxTokens": 100});
    json!({"method": "sampling/createMessage", "params": params})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// The steps of a tool or a prompt, if it is one of these.
pub fn of(name: &str) -> Option<Steps> {
    let user_name = elicit("What is your name?", "name", "string");
    let capital = sample("What is the capital of France?");
    let (stateful, rounds) = match name.strip_prefix("test_")? {
        "input_required_result_elicitation" | "streaming_elicitation" => {
            (false, vec![json!({"user_name": user_name})])
        }
        "input_required_result_sampling" => (false, vec![json!({"capital_question": capital})]),
        "input_required_result_list_roots" => (false, vec![json!({"client_roots": roots()})]),
        "input_required_result_prompt" => {
            let context = elicit("What context should the prompt use?", "context", "string");
            (false, vec![json!({"user_context": context})])
        }
        "input_required_result_capabilities" => {
            let all = json!({"user_name": user_name, "capital_question": capital, "client_roots": roots()});
            (false, vec![all])
        }
        "input_required_result_request_state" | "input_required_result_tampered_state" => {
            let confirm = elicit("Please confirm", "ok", "boolean");
            (true, vec![json!({"confirm": confirm})])
        }
        "input_required_result_multiple_inputs" => {
            let greeting = sample("Generate a greeting");
            let all =
                json!({"user_name": user_name, "greeting": greeting, "client_roots": roots()});
            (true, vec![all])
        }
        "input_required_result_multi_round" => {
            let first = elicit("Step 1: What is your name?", "name", "string");
            let second = elicit("Step 2: What is your favorite color?", "color", "string");
            (
                true,
                vec![json!({"step1": first}), json!({"step2": second})],
            )
        }
        _ => return None,
    };
    let rounds = rounds
        .iter()
        .filter_map(Value::as_object)
        .cloned()
        .collect();
    Some(Steps { rounds, stateful })
}

/// What to ask for now; nothing when the last round has been answered.
pub fn next(
    steps: Steps,
    answers: &InputResponses,
    state: Option<&str>,
    ctx: &RequestContext<RoleServer>,
) -> Result<Option<InputRequiredResult>, ErrorData> {
    let mut round = state.map_or(Ok(0), open)?;
    let Some(asked) = steps.rounds.get(round) else {
        return Ok(None);
    };
    if asked
        .keys()
        .all(|key| answers.get(key).is_some_and(Value::is_object))
    {
        round += 1;
    }
    let Some(wanted) = steps.rounds.get(round) else {
        return Ok(None);
    };
    let declared = json!(ctx.client_capabilities().unwrap_or_default());
    let can = |request: &Value| {
        let method = request["method"].as_str().unwrap_or_default();
        let capability = method.split('/').next().unwrap_or_default();
        declared.get(capability).is_some()
    };
    let requests: Map<_, _> = wanted.clone().into_iter().filter(|(_, r)| can(r)).collect();
    let state = steps.stateful.then(|| seal(round));
    Ok(Some(InputRequiredResult::new(
        Some(typed(Value::Object(requests))),
        state,
    )))
}

/// `round`, with a tag that only this server can make.
fn seal(round: usize) -> String {
    format!("{round}.{}", tag(round))
}

fn open(state: &str) -> Result<usize, ErrorData> {
    let round = state.split('.').next().and_then(|n| n.parse().ok());
    round
        .filter(|round| seal(*round) == state)
        .ok_or_else(|| ErrorData::invalid_params("requestState is not one of this server's", None))
}

fn tag(round: usize) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"conformance").expect("any length will do");
    mac.update(&round.to_le_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
