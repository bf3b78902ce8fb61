//! What is sent: `type`, `timestamp` and `data`.

use serde::Serialize;

use crate::{
    base::clock::{Millis, rfc3339},
    tool::{EventView, KeptEvent},
};

/// The type of a test.
pub const PING: &str = "ping";

/// What is sent, made once: every attempt sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What kind of event it is: `<server>.<action>`.
    pub kind: String,
    /// JSON.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a, T> {
    r#type: &'a str,
    timestamp: String,
    data: T,
}

#[derive(Serialize)]
struct OfProject {
    project_id: String,
    #[serde(flatten)]
    event: EventView,
}

#[derive(Serialize)]
struct Ping<'a> {
    project_id: &'a str,
    webhook_id: &'a str,
}

impl Message {
    /// Of an event.
    pub fn of(event: KeptEvent) -> Result<Self, serde_json::Error> {
        let kind = format!("{}.{}", event.server, event.action);
        let at = event.at_ms;
        let data = OfProject {
            project_id: event.project_id.clone(),
            event: event.into(),
        };
        Self::new(kind, at, data)
    }

    /// A test.
    pub fn ping(project: &str, webhook: &str, now: Millis) -> Result<Self, serde_json::Error> {
        let data = Ping {
            project_id: project,
            webhook_id: webhook,
        };
        Self::new(PING.to_owned(), now, data)
    }

    fn new(kind: String, at: Millis, data: impl Serialize) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_string(&Body {
            r#type: &kind,
            timestamp: rfc3339(at),
            data,
        })?;
        Ok(Self { kind, body })
    }
}
