//! Webhooks and their deliveries, as they are asked for and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::store::{DeliveryRow, Row};
use crate::{
    access::ServerId,
    base::{clock::Millis, ids::AgentId, nearest::nearest},
    tool::{Happened, KeptEvent, ToolError},
};

/// Longest URL, in characters.
const MAX_URL: usize = 2048;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 500;
/// Most actions in a filter.
const MAX_ACTIONS: usize = 100;

/// Which events of its project a webhook is sent. Every field narrows it; without any it is all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookFilter {
    /// Events of these servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub servers: Vec<ServerId>,
    /// Events of these kinds: tools that make changes, `run` for workflow runs that move on, `ingest` for documents that were taken in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ACTIONS), inner(length(min = 1, max = 64)))]
    pub actions: Vec<String>,
    /// Events that this agent caused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Events of this resource and of all below it, such as `issues` or `issues/12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
}

impl WebhookFilter {
    /// Whether it lets `event` pass.
    pub fn lets(&self, event: &KeptEvent) -> bool {
        let server = || self.servers.iter().any(|s| s.as_str() == event.server);
        let below = |path: &str| {
            let rest = event.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.servers.is_empty() || server())
            && (self.actions.is_empty() || self.actions.contains(&event.action))
            && self
                .agent_id
                .as_ref()
                .is_none_or(|agent| event.agent_id.as_deref() == Some(agent.as_str()))
            && self.path.as_deref().is_none_or(below)
    }

    fn check(&self, tools: &[&str]) -> Result<(), ToolError> {
        if self.servers.len() > ServerId::ALL.len() {
            return Err(ToolError::invalid(
                "/filter/servers",
                "names a server twice",
            ));
        }
        if self.actions.len() > MAX_ACTIONS {
            let problem = format!("must be at most {MAX_ACTIONS} names");
            return Err(ToolError::invalid("/filter/actions", problem));
        }
        let known = || {
            tools
                .iter()
                .copied()
                .chain(Happened::ALL.map(Happened::as_str))
        };
        for (n, action) in self.actions.iter().enumerate() {
            if known().all(|name| name != action) {
                let near = nearest(action, known());
                let near = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
                let problem = format!("is no tool, and nothing that happens by itself{near}");
                return Err(ToolError::invalid(format!("/filter/actions/{n}"), problem));
            }
        }
        let path = self.path.as_ref();
        if path.is_some_and(|path| path.is_empty() || path.chars().count() > 1024) {
            let problem = "must be 1 to 1024 characters";
            return Err(ToolError::invalid("/filter/path", problem));
        }
        Ok(())
    }
}

/// A webhook to make. The hub makes its secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where events are posted: https, or http where the hub's operator allows a private address.
    #[schemars(length(min = 1, max = MAX_URL), regex(pattern = "^https?://"), example = "https://receiver.example/hooks")]
    pub url: String,
    /// What it is for, at most 500 characters.
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION))]
    pub description: String,
    /// Which events.
    #[serde(default, deserialize_with = "an_object")]
    pub filter: WebhookFilter,
    /// Whether anything is sent.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// Of an object alone, where serde would take a list of the fields' values too.
fn an_object<'de, D: Deserializer<'de>>(from: D) -> Result<WebhookFilter, D::Error> {
    let map = Map::<String, Value>::deserialize(from)?;
    serde_json::from_value(map.into()).map_err(D::Error::custom)
}

fn an_object_or_nothing<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<WebhookFilter>, D::Error> {
    let map = Option::<Map<String, Value>>::deserialize(from)?;
    let filter = map.map(|map| serde_json::from_value(map.into()));
    filter.transpose().map_err(D::Error::custom)
}

/// What of a webhook is to be changed; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookChange {
    /// Where events are posted.
    #[schemars(length(min = 1, max = MAX_URL), regex(pattern = "^https?://"))]
    pub url: Option<String>,
    /// What it is for, at most 500 characters.
    #[schemars(length(max = MAX_DESCRIPTION))]
    pub description: Option<String>,
    /// Which events, in place of all that was said before.
    #[serde(deserialize_with = "an_object_or_nothing")]
    pub filter: Option<WebhookFilter>,
    /// Whether anything is sent. One that is enabled again is sent what happens from then on, after what still waits for it.
    pub enabled: Option<bool>,
}

impl WebhookChange {
    /// Says which field is wrong.
    pub(super) fn check(&self, tools: &[&str]) -> Result<(), ToolError> {
        let long = |text: &Option<String>, most| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > most)
        };
        if long(&self.url, MAX_URL) {
            let problem = format!("must be at most {MAX_URL} characters");
            return Err(ToolError::invalid("/url", problem));
        }
        if long(&self.description, MAX_DESCRIPTION) {
            let problem = format!("must be at most {MAX_DESCRIPTION} characters");
            return Err(ToolError::invalid("/description", problem));
        }
        self.filter
            .as_ref()
            .map_or(Ok(()), |filter| filter.check(tools))
    }
}

/// How a webhook's secret shall be rotated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretRotation {
    /// Seconds that the old secret signs too, beside the new one: 0 to 604800 (7 days), a day unless given.
    #[schemars(range(max = 604_800))]
    pub grace_s: Option<u32>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Webhook {
    /// Names it.
    pub id: String,
    /// Whose events it is sent.
    pub project_id: String,
    /// Where they are posted.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Which events.
    pub filter: WebhookFilter,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the hub disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// Since when every attempt has failed, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since_ms: Option<Millis>,
    /// Until when the secret before its last rotation signs too, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_until_ms: Option<Millis>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_ms: Millis,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            url: row.url,
            description: row.description,
            filter: serde_json::from_str(&row.filter).unwrap_or_default(),
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            failing_since_ms: row.failing_since_ms,
            old_until_ms: row.old_until_ms,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
        }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its next attempt.
    Pending,
    /// It was taken.
    Delivered,
    /// No attempt is left.
    Failed,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// An event on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Delivery {
    /// Names it: `webhook-id` in each of its attempts.
    pub id: String,
    /// The event, as the project's events have it; none for a ping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<i64>,
    /// What kind of event it is: `<server>.<action>`, or `ping`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: i64,
    /// The HTTP status that the last attempt was answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How long the last attempt took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// When the next attempt is due, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_ms: Option<Millis>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_ms: Millis,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        let mut states = DeliveryState::ALL.into_iter();
        let state = states.find(|state| state.as_str() == row.state);
        let state = state.unwrap_or(DeliveryState::Failed);
        Self {
            id: row.id,
            event_id: row.event_seq,
            kind: row.kind,
            state,
            attempts: row.attempts,
            last_status: row.status,
            last_error: row.error,
            duration_ms: row.duration_ms,
            next_attempt_ms: (state == DeliveryState::Pending).then_some(row.next_ms),
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_pass_what_fits_all_its_fields() {
        let event = KeptEvent {
            seq: 1,
            hub: String::new(),
            at_ms: 0,
            project_id: "p".into(),
            server: "issues".into(),
            action: "create_issue".into(),
            agent_id: Some("ann".into()),
            owner_id: None,
            path: "issues/1".into(),
            below: 0,
            call_id: None,
        };
        let lets = |filter: serde_json::Value| {
            let filter: WebhookFilter = serde_json::from_value(filter).unwrap();
            filter.lets(&event)
        };
        for filter in [
            serde_json::json!({}),
            serde_json::json!({"servers": ["git", "issues"], "actions": ["create_issue"], "agent_id": "ann", "path": "issues"}),
            serde_json::json!({"path": "issues/1"}),
        ] {
            assert!(lets(filter.clone()), "{filter}");
        }
        for filter in [
            serde_json::json!({"servers": ["git"]}),
            serde_json::json!({"actions": ["run"]}),
            serde_json::json!({"agent_id": "bea"}),
            serde_json::json!({"path": "issues/12"}),
            serde_json::json!({"path": "issue"}),
        ] {
            assert!(!lets(filter.clone()), "{filter}");
        }
    }

    #[test]
    fn actions_are_tools_and_what_happens_by_itself() {
        let check = |actions: &[&str]| {
            let filter = serde_json::json!({"actions": actions});
            let filter: WebhookFilter = serde_json::from_value(filter).unwrap();
            filter.check(&["git_push", "create_issue"])
        };
        check(&["git_push", "run", "ingest", "create_issue"]).unwrap();
        let wrong = check(&["run", "git_psuh"]).unwrap_err();
        assert_eq!(wrong.fields[0].pointer, "/filter/actions/1");
        assert!(wrong.fields[0].detail.contains("git_push"), "{wrong:?}");
        for wrong in ["", "git_*", "launch_rocket"] {
            check(&[wrong]).unwrap_err();
        }
    }
}
