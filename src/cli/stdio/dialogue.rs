//! What a relay remembers of the dialogue between its client and a hub, so that another hub can take it over: the handshake,
//! and the requests that wait for an answer.

use std::collections::HashMap;

use serde_json::{Value, json};

/// A message on its way to the hub.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// As the client wrote it.
    pub text: String,
    pub kind: Kind,
}

/// What the relay needs to know of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Initialize(Value),
    Initialized,
    /// Any other request. One that only ends when its client cancels it is not waited for.
    Request {
        id: Value,
        awaited: bool,
    },
    /// `notifications/cancelled` of this request, which then has no answer.
    Cancelled(Value),
    Notification,
    /// An answer to the hub.
    Response,
}

impl Outgoing {
    /// The id to answer, if it is a request.
    pub fn id(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Initialize(id) | Kind::Request { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The handshake of the eras that have one.
#[derive(Debug)]
struct Handshake {
    initialize: Outgoing,
    answered: bool,
    initialized: Option<Outgoing>,
}

#[derive(Debug, Default)]
pub struct Dialogue {
    /// Counts the links to hubs. The ids of hubs' own requests carry it, so that no hub gets another's answer.
    link: u64,
    handshake: Option<Handshake>,
    /// By id, as JSON: the id, and whether its answer is waited for.
    in_flight: HashMap<String, (Value, bool)>,
    /// The replayed `initialize`, whose client has its answer already.
    replayed: Option<Value>,
}

/// A JSON-RPC error, on one line.
pub fn error(id: &Value, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

impl Dialogue {
    /// Reads a line of the client: what to send, or the error to answer. Nothing to do for an answer that no hub waits for.
    pub fn read(&self, line: String) -> Result<Option<Outgoing>, String> {
        let mut message: Value = serde_json::from_str(&line)
            .map_err(|e| error(&Value::Null, -32700, &format!("not valid JSON: {e}")))?;
        let Some(object) = message.as_object_mut() else {
            let next = "not a JSON-RPC message: send one object a line; batches are not served";
            return Err(error(&Value::Null, -32600, next));
        };
        let id = object.get("id").cloned();
        let kind = match (object.get("method").and_then(Value::as_str), id) {
            (Some("initialize"), Some(id)) => Kind::Initialize(id),
            (Some(method), Some(id)) => Kind::Request {
                id,
                awaited: method != "subscriptions/listen",
            },
            (Some("notifications/initialized"), None) => Kind::Initialized,
            (Some("notifications/cancelled"), None) => {
                let request = message.pointer("/params/requestId").cloned();
                request.map_or(Kind::Notification, Kind::Cancelled)
            }
            (Some(_), None) => Kind::Notification,
            (None, Some(id)) => {
                let Some(own) = self.without_link(&id) else {
                    return Ok(None);
                };
                object.insert("id".into(), own);
                return Ok(Some(Outgoing {
                    text: message.to_string(),
                    kind: Kind::Response,
                }));
            }
            (None, None) => {
                let next = "not a JSON-RPC message: it has neither a method nor an id";
                return Err(error(&Value::Null, -32600, next));
            }
        };
        Ok(Some(Outgoing { text: line, kind }))
    }

    /// Notes that `message` goes out now.
    pub fn sending(&mut self, message: &Outgoing) {
        match &message.kind {
            Kind::Initialize(id) => {
                if self.handshake.as_ref().is_some_and(|h| h.answered) {
                    self.replayed = Some(id.clone());
                } else {
                    self.handshake = Some(Handshake {
                        initialize: message.clone(),
                        answered: false,
                        initialized: None,
                    });
                    self.in_flight.insert(id.to_string(), (id.clone(), true));
                }
            }
            Kind::Initialized => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.initialized = Some(message.clone());
                }
            }
            Kind::Request { id, awaited } => {
                self.in_flight
                    .insert(id.to_string(), (id.clone(), *awaited));
            }
            Kind::Cancelled(request) => {
                self.in_flight.remove(&request.to_string());
            }
            Kind::Notification | Kind::Response => {}
        }
    }

    /// Reads a message of the hub: what to pass to the client, if anything.
    pub fn receive(&mut self, text: String) -> Option<String> {
        let Ok(mut message) = serde_json::from_str::<Value>(&text) else {
            tracing::warn!("the hub sent what is not JSON");
            return None;
        };
        let id = message.get("id").cloned();
        match (message.get("method").and_then(Value::as_str), id) {
            (Some(_), Some(id)) => {
                *message.get_mut("id")? = self.with_link(&id);
                Some(message.to_string())
            }
            (Some("notifications/cancelled"), None) => {
                if let Some(request) = message.pointer_mut("/params/requestId") {
                    *request = self.with_link(request);
                }
                Some(message.to_string())
            }
            (None, Some(id)) => {
                if self.replayed.as_ref() == Some(&id) {
                    self.replayed = None;
                    if let Some(error) = message.get("error") {
                        tracing::warn!(%error, "the hub refused the handshake of an earlier one");
                    }
                    return None;
                }
                self.in_flight.remove(&id.to_string());
                if let Some(handshake) = &mut self.handshake
                    && handshake.initialize.id() == Some(&id)
                {
                    handshake.answered = true;
                }
                Some(text)
            }
            _ => Some(text),
        }
    }

    /// The hub did not take the request `id`.
    pub fn refused(&mut self, id: &Value) {
        self.in_flight.remove(&id.to_string());
    }

    /// The hub is gone: errors for the requests that it took. An `initialize` is left to the next hub.
    pub fn lost(&mut self) -> Vec<String> {
        self.link += 1;
        self.replayed = None;
        let opening = self.handshake.as_ref().and_then(|h| h.initialize.id());
        let opening = opening.and_then(|id| self.in_flight.remove_entry(&id.to_string()));
        let message = "the hub went away during this request, which it may or may not have carried out: call again";
        let errors = self.fail(message);
        self.in_flight.extend(opening);
        errors
    }

    /// There is no next hub: errors for all requests that wait.
    pub fn give_up(&mut self, message: &str) -> Vec<String> {
        self.handshake.take_if(|h| !h.answered);
        self.fail(message)
    }

    fn fail(&mut self, message: &str) -> Vec<String> {
        let all = self.in_flight.drain();
        all.map(|(_, (id, _))| error(&id, -32000, message))
            .collect()
    }

    /// What to begin with at the next hub.
    pub fn handshake(&self) -> Vec<Outgoing> {
        let handshake = self.handshake.iter();
        handshake
            .flat_map(|h| std::iter::once(h.initialize.clone()).chain(h.initialized.clone()))
            .collect()
    }

    /// Whether answers are still to come.
    pub fn is_waiting(&self) -> bool {
        self.in_flight.values().any(|(_, awaited)| *awaited)
    }

    fn with_link(&self, id: &Value) -> Value {
        format!("{}:{id}", self.link).into()
    }

    fn without_link(&self, id: &Value) -> Option<Value> {
        let (link, id) = id.as_str()?.split_once(':')?;
        if link.parse() != Ok(self.link) {
            return None;
        }
        serde_json::from_str(id).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
    const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

    fn send(dialogue: &mut Dialogue, line: &str) {
        let message = dialogue.read(line.to_owned()).unwrap().unwrap();
        dialogue.sending(&message);
    }

    #[test]
    fn what_is_no_message_is_answered() {
        let dialogue = Dialogue::default();
        for (line, code) in [("{", "-32700"), ("[]", "-32600"), ("{}", "-32600")] {
            let said = dialogue.read(line.into()).unwrap_err();
            assert!(
                said.contains(code) && said.contains(r#""id":null"#),
                "{said}"
            );
        }
    }

    #[test]
    fn the_next_hub_gets_the_handshake_and_the_client_no_second_answer() {
        let mut dialogue = Dialogue::default();
        send(&mut dialogue, INITIALIZE);
        let answer = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
        assert!(dialogue.receive(answer.into()).is_some());
        send(&mut dialogue, INITIALIZED);
        send(
            &mut dialogue,
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#,
        );
        let (errors, replay) = (dialogue.lost(), dialogue.handshake());
        assert!(
            errors.len() == 1 && errors[0].contains("\"id\":7") && errors[0].contains("call again")
        );
        let texts: Vec<&str> = replay.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, [INITIALIZE, INITIALIZED]);
        for message in &replay {
            dialogue.sending(message);
        }
        assert!(!dialogue.is_waiting());
        assert_eq!(dialogue.receive(answer.into()), None);
    }

    #[test]
    fn an_unanswered_handshake_is_answered_by_the_next_hub() {
        let mut dialogue = Dialogue::default();
        send(&mut dialogue, INITIALIZE);
        assert!(dialogue.lost().is_empty() && dialogue.is_waiting());
        let replay = dialogue.handshake();
        dialogue.sending(&replay[0]);
        let answer = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
        assert!(dialogue.receive(answer.into()).is_some());
    }

    #[test]
    fn no_hub_gets_an_answer_meant_for_another() {
        let mut dialogue = Dialogue::default();
        let asked = r#"{"jsonrpc":"2.0","id":3,"method":"elicitation/create"}"#;
        let shown: Value = serde_json::from_str(&dialogue.receive(asked.into()).unwrap()).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": shown["id"], "result": {}}).to_string();
        let sent = dialogue.read(answer.clone()).unwrap().unwrap();
        assert!(sent.text.contains("\"id\":3") && sent.kind == Kind::Response);
        dialogue.lost();
        assert!(dialogue.read(answer).unwrap().is_none());
    }

    #[test]
    fn cancelled_requests_and_subscriptions_are_not_waited_for() {
        let mut dialogue = Dialogue::default();
        send(
            &mut dialogue,
            r#"{"jsonrpc":"2.0","id":"a","method":"subscriptions/listen"}"#,
        );
        assert!(!dialogue.is_waiting());
        send(
            &mut dialogue,
            r#"{"jsonrpc":"2.0","id":"b","method":"tools/call"}"#,
        );
        assert!(dialogue.is_waiting());
        send(
            &mut dialogue,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"b"}}"#,
        );
        assert!(!dialogue.is_waiting());
    }
}
