//! The operations on webhooks.

use serde_json::{Value, json};

use super::{
    super::{admin::Page, webhooks::DeliveryPage},
    answer_of,
    hub::{Operation, list, with_secret},
    query_of,
};
use crate::{
    servers,
    tool::{Delivery, Happened, NewWebhook, SecretRotation, Webhook, WebhookChange},
};

/// All of them.
pub fn operations() -> impl Iterator<Item = Operation> {
    let of = Operation::new;
    let all = "/api/v1/projects/{project_id}/webhooks";
    let one = "/api/v1/projects/{project_id}/webhooks/{webhook_id}";
    let about = "The secret that deliveries are signed with. It is not shown again.";
    let with_secret = with_secret(answer_of::<Webhook>(), "secret", about);
    // Which actions there are is known here only.
    let actions = "/properties/filter/properties/actions";
    let mut known = servers::all_tool_names();
    known.extend(Happened::ALL.map(Happened::as_str));
    let action = json!({"enum": known});
    let operations = [
        of("get", all, "list_webhooks", "List a project's webhooks")
            .query(&query_of::<Page>())
            .gives("200", list(answer_of::<Webhook>())),
        of(
            "post",
            all,
            "create_webhook",
            "Create a webhook, whose secret is shown this once",
        )
        .takes::<NewWebhook>()
        .with_entries(actions, &action)
        .gives("201", with_secret.clone()),
        of("get", one, "get_webhook", "Read a webhook").gives("200", answer_of::<Webhook>()),
        of("patch", one, "update_webhook", "Change a webhook")
            .takes::<WebhookChange>()
            .with_entries(actions, &action)
            .gives("200", answer_of::<Webhook>()),
        of(
            "delete",
            one,
            "delete_webhook",
            "Delete a webhook and the log of its deliveries",
        ),
        of(
            "post",
            "/api/v1/projects/{project_id}/webhooks/{webhook_id}/rotate",
            "rotate_webhook",
            "Give a webhook another secret, which is shown this once; the old one signs too for a while",
        )
        .may_take::<SecretRotation>()
        .gives("200", with_secret),
        of(
            "post",
            "/api/v1/projects/{project_id}/webhooks/{webhook_id}/ping",
            "ping_webhook",
            "Send a webhook a test",
        )
        .gives("202", answer_of::<Delivery>()),
        of(
            "get",
            "/api/v1/projects/{project_id}/webhooks/{webhook_id}/deliveries",
            "list_webhook_deliveries",
            "List what was sent to a webhook and what waits for it, newest first",
        )
        .query(&query_of::<DeliveryPage>())
        .gives("200", list(answer_of::<Delivery>())),
        of(
            "post",
            "/api/v1/projects/{project_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            "redeliver_webhook",
            "Send a delivery again, whatever came of it",
        )
        .gives("202", answer_of::<Delivery>()),
    ];
    operations.into_iter()
}

/// What is posted to webhooks, by OpenAPI's own word for it.
pub fn webhooks() -> Value {
    let header = |name: &str, about: &str| json!({"name": name, "in": "header", "required": true, "description": about, "schema": {"type": "string"}});
    let message = json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "description": "`<server>.<action>`, or `ping`."},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"type": "object", "description": "The event as the project's events have it, and its project_id."},
        },
    });
    let example = json!({"type": "issues.create_issue", "timestamp": "2026-11-22T18:42:34.007Z", "data": {
        "project_id": "default", "id": 7, "at_ms": 1_795_372_954_007_i64, "server": "issues", "action": "create_issue",
        "agent_id": "default", "path": "issues/1"}});
    json!({"event": {"post": {
        "operationId": "receive_event",
        "tags": ["hub"],
        "summary": "What is posted to webhooks",
        "description": "What is posted to webhooks, signed as Standard Webhooks says. Answer with 2xx; 410 ends it.",
        "security": [],
        "parameters": [
            header("webhook-id", "Names the delivery: the same in each of its attempts."),
            header("webhook-timestamp", "When this attempt was made, in seconds since the Unix epoch."),
            header("webhook-signature", "`v1,` and the HMAC-SHA256 of `<id>.<timestamp>.<body>` in base 64; two, with a space between, after a rotation."),
        ],
        "requestBody": {"required": true, "content": {"application/json": {"schema": message, "example": example}}},
        "responses": {"2XX": {"description": "It was taken."}, "default": {"description": "It is sent again."}},
    }}})
}
