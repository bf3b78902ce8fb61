//! What a relay remembers of the dialogue between its client and a hub, so that another hub can take it over: what makes up
//! the session, and the requests that wait for an answer.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

/// A message on its way to the hub.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// As the client wrote it.
    pub text: String,
    pub kind: Kind,
    /// What it does to the session.
    effect: Effect,
    /// Whether it is repeated for the hub alone: its client has the answer.
    replay: bool,
}

/// What the relay needs to know of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One that only ends when its client cancels it is not waited for.
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

#[derive(Debug, Clone, PartialEq)]
enum Effect {
    None,
    /// It sets what goes by this name; the next hub has to be told too.
    Sets(String),
    /// It ends what was set.
    Ends(String),
}

impl Outgoing {
    /// The id to answer, if it is a request.
    pub fn id(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether the next hub is sent it anyway.
    pub fn is_kept(&self) -> bool {
        self.replay || matches!(self.effect, Effect::Sets(_))
    }
}

/// A message that is a part of the session.
#[derive(Debug)]
struct Kept {
    name: String,
    message: Outgoing,
    /// Its client has the answer, or waits for none.
    answered: bool,
}

#[derive(Debug, Default)]
pub struct Dialogue {
    /// Counts the links to hubs. The ids of hubs' own requests carry it, so that no hub gets another's answer.
    link: u64,
    /// The handshake, the log level, subscriptions; in the order in which they were sent. Requests of 2026-07-28 leave none.
    session: Vec<Kept>,
    /// By id, as JSON: the id, and whether its answer is waited for.
    in_flight: HashMap<String, (Value, bool)>,
    /// The ids, as JSON, of repeated requests.
    replayed: HashSet<String>,
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
        if !message.is_object() {
            let next = "not a JSON-RPC message: send one object a line; batches are not served";
            return Err(error(&Value::Null, -32600, next));
        }
        let id = message.get("id").cloned();
        let method = message.get("method").and_then(Value::as_str);
        let outgoing = |text, kind, effect| {
            Ok(Some(Outgoing {
                text,
                kind,
                effect,
                replay: false,
            }))
        };
        match (method, id) {
            (Some(method), Some(id)) => {
                let awaited = method != "subscriptions/listen";
                let effect = effect(method, &message);
                outgoing(line, Kind::Request { id, awaited }, effect)
            }
            (Some("notifications/cancelled"), None) => {
                let request = message.pointer("/params/requestId").cloned();
                let kind = request.map_or(Kind::Notification, Kind::Cancelled);
                outgoing(line, kind, Effect::None)
            }
            (Some(method), None) => outgoing(line, Kind::Notification, effect(method, &message)),
            (None, Some(id)) => {
                let Some(own) = self.without_link(&id) else {
                    return Ok(None);
                };
                if let Some(id) = message.get_mut("id") {
                    *id = own;
                }
                outgoing(message.to_string(), Kind::Response, Effect::None)
            }
            (None, None) => {
                let next = "not a JSON-RPC message: it has neither a method nor an id";
                Err(error(&Value::Null, -32600, next))
            }
        }
    }

    /// Notes that `message` goes out now.
    pub fn sending(&mut self, message: &Outgoing) {
        if message.replay {
            self.replayed.extend(message.id().map(Value::to_string));
            return;
        }
        match &message.kind {
            Kind::Request { id, awaited } => {
                self.in_flight
                    .insert(id.to_string(), (id.clone(), *awaited));
            }
            Kind::Cancelled(request) => {
                self.in_flight.remove(&request.to_string());
            }
            Kind::Notification | Kind::Response => {}
        }
        match &message.effect {
            Effect::Sets(name) => {
                let kept = Kept {
                    name: name.clone(),
                    message: message.clone(),
                    answered: message.id().is_none(),
                };
                // What the last hub did not answer comes again, in its old place.
                match self.session.iter_mut().find(|k| k.name == *name) {
                    Some(old) => *old = kept,
                    None => self.session.push(kept),
                }
            }
            Effect::Ends(name) => self.session.retain(|k| k.name != *name),
            Effect::None => {}
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
                let refused = message.get("error");
                self.answered(&id, refused.is_none());
                if self.replayed.remove(&id.to_string()) {
                    if let Some(error) = refused {
                        tracing::warn!(%error, "the hub does not take over a part of the session");
                    }
                    return None;
                }
                self.in_flight.remove(&id.to_string());
                Some(text)
            }
            _ => Some(text),
        }
    }

    /// What the hub refuses is no part of the session.
    fn answered(&mut self, id: &Value, well: bool) {
        let at = |k: &Kept| k.message.id() == Some(id);
        if let Some(kept) = self.session.iter_mut().find(|k| at(k)) {
            kept.answered = true;
        }
        if !well {
            self.session.retain(|k| !at(k));
        }
    }

    /// The hub did not take the request `id`.
    pub fn refused(&mut self, id: &Value) {
        self.answered(id, false);
        self.in_flight.remove(&id.to_string());
    }

    /// The hub is gone: errors for the requests that it took. Those that are a part of the session are left to the next.
    pub fn lost(&mut self) -> Vec<String> {
        self.link += 1;
        self.replayed.clear();
        let kept = self.session.iter().filter(|k| !k.answered);
        let kept = kept.filter_map(|k| k.message.id());
        let kept: Vec<_> = kept
            .filter_map(|id| self.in_flight.remove_entry(&id.to_string()))
            .collect();
        let message = "the hub went away during this request, which it may or may not have carried out: call again";
        let errors = self.fail(message);
        self.in_flight.extend(kept);
        errors
    }

    /// There is no next hub: errors for all requests that wait.
    pub fn give_up(&mut self, message: &str) -> Vec<String> {
        self.session.retain(|k| k.answered);
        self.fail(message)
    }

    fn fail(&mut self, message: &str) -> Vec<String> {
        let all = self.in_flight.drain();
        all.map(|(_, (id, _))| error(&id, -32000, message))
            .collect()
    }

    /// What to begin with at the next hub.
    pub fn session(&self) -> Vec<Outgoing> {
        let session = self.session.iter().map(|kept| Outgoing {
            replay: kept.answered,
            ..kept.message.clone()
        });
        session.collect()
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

/// What a message of this method does to a session.
fn effect(method: &str, message: &Value) -> Effect {
    let uri = message.pointer("/params/uri").and_then(Value::as_str);
    match (method, uri) {
        ("initialize" | "notifications/initialized" | "logging/setLevel", _) => {
            Effect::Sets(method.to_owned())
        }
        ("resources/subscribe", Some(uri)) => Effect::Sets(format!("subscription {uri}")),
        ("resources/unsubscribe", Some(uri)) => Effect::Ends(format!("subscription {uri}")),
        _ => Effect::None,
    }
}

#[cfg(test)]
mod tests;
