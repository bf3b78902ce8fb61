//! Asking the user before what cannot be undone, where the client can ask: by a request to it (2025-06-18, 2025-11-25), or
//! by an answer that requires input (2026-07-28). A client without elicitation decides by itself, as its token allows.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    RoleServer,
    model::{
        BooleanSchema, CallToolRequestParams, CallToolResponse, ElicitRequest, ElicitRequestParams,
        ElicitResult, ElicitationAction, ElicitationSchema, InputRequest, InputRequiredResult,
        PrimitiveSchemaDefinition,
    },
    service::RequestContext,
};
use serde_json::Value;

use super::{fault, offers};
use crate::tool::{Code, Spec, ToolError};

/// The question's name, and its field's.
const CONFIRM: &str = "confirm";
/// How long a user may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Asks. `Some` is what to answer instead of calling the tool.
pub async fn ask(
    spec: &Spec,
    request: &CallToolRequestParams,
    ctx: &RequestContext<RoleServer>,
) -> Option<CallToolResponse> {
    let can_ask = ctx
        .client_capabilities()
        .is_some_and(|c| c.elicitation.is_some());
    if !spec.hints.irreversible || !can_ask {
        return None;
    }
    let answer = if offers::is_stateless(ctx) {
        let given = request
            .input_responses
            .as_ref()
            .and_then(|answers| answers.get(CONFIRM));
        let Some(given) = given else {
            let asked = InputRequest::Elicitation(ElicitRequest::new(question(spec, request)?));
            let requests = BTreeMap::from([(CONFIRM.to_owned(), asked)]);
            return Some(InputRequiredResult::from_input_requests(requests).into());
        };
        serde_json::from_value::<ElicitResult>(given.clone()).ok()
    } else {
        let asked = ctx.peer.create_elicitation(question(spec, request)?);
        tokio::select! {
            answer = asked => answer.ok(),
            () = ctx.ct.cancelled() => None,
            () = tokio::time::sleep(PATIENCE) => None,
        }
    };
    if answer.is_some_and(|answer| is_yes(&answer)) {
        return None;
    }
    let message = "the user did not confirm: nothing was changed; ask what to do instead";
    let refused = ToolError::new(Code::Cancelled, message);
    Some(fault::result(&refused).into())
}

fn is_yes(answer: &ElicitResult) -> bool {
    let said = answer.content.as_ref().and_then(|c| c.get(CONFIRM));
    answer.action == ElicitationAction::Accept && said.and_then(Value::as_bool) == Some(true)
}

fn question(spec: &Spec, request: &CallToolRequestParams) -> Option<ElicitRequestParams> {
    let args = request.arguments.as_ref().map_or_else(String::new, |a| {
        Value::Object(a.clone())
            .to_string()
            .chars()
            .take(500)
            .collect()
    });
    let yes = BooleanSchema::new()
        .title("Do it")
        .description("This cannot be undone.");
    let schema = ElicitationSchema::builder()
        .required_property(CONFIRM, PrimitiveSchemaDefinition::Boolean(yes))
        .build()
        .ok()?;
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: format!("{}? It cannot be undone. {args}", spec.title),
        requested_schema: schema,
    })
}
