//! Answers that serve more than one call: the exact cache, identical calls at the same time, and repeated ones under one
//! `Idempotency-Key`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Asked,
    flights::{Entered, Flights, Key, Lead, Mismatch},
    request::Done,
};
use crate::{
    servers::llm_gateway::{
        LlmGateway,
        config::CacheMode,
        record::{CacheOutcome, Kind},
        routing::plan::Plan,
    },
    tool::{Ctx, ToolError},
};

/// How long an answer is replayed to its idempotency key.
const REPLAY: Duration = Duration::from_secs(86_400);

/// What a caller wishes of the cache.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CacheWish {
    /// As the hub is set; calls with tools, or with a temperature above 0, are not cached.
    #[default]
    Auto,
    /// Neither taken from the cache nor kept.
    Off,
    /// Taken from the cache, or kept there, whatever the call.
    Exact,
}

impl CacheWish {
    /// Reads a header's value.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "off" => Some(Self::Off),
            "exact" => Some(Self::Exact),
            _ => None,
        }
    }
}

/// What a caller wishes of answers that were given before.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub cache: CacheWish,
    pub idempotency: Option<String>,
    /// Whether the call is sure to vary: a temperature above 0.
    pub hot: bool,
}

/// An answer that is given again.
#[derive(Debug)]
pub struct Stored {
    pub chunks: Vec<Bytes>,
    /// Whether it is a stream of events.
    pub stream: bool,
    pub provider: Arc<str>,
    /// The request that brought it.
    pub request_id: String,
    pub cost_nanousd: Option<i64>,
    /// It is of another model than was asked for, since a budget was used up: it does not serve other calls.
    downgraded: bool,
}

impl Stored {
    pub fn new(chunks: Vec<Bytes>, stream: bool, done: &Done) -> Self {
        Self {
            chunks,
            stream,
            provider: Arc::clone(&done.provider),
            request_id: done.request_id.clone(),
            cost_nanousd: done.cost_nanousd,
            downgraded: done.downgraded,
        }
    }

    /// All of it.
    pub fn body(&self) -> Bytes {
        match self.chunks.as_slice() {
            [one] => one.clone(),
            many => Bytes::from(many.concat()),
        }
    }
}

/// What is to be done with an answer when it has come. Dropped, others look for it themselves.
#[derive(Default)]
pub struct Keep {
    cache: Option<(Lead<Stored>, Duration)>,
    replay: Option<Lead<Stored>>,
    project: Arc<str>,
}

impl Keep {
    /// Whether anybody may get the answer but its caller.
    pub fn is_wanted(&self) -> bool {
        self.cache.is_some() || self.replay.is_some()
    }

    /// The answer has come, whole.
    pub fn land(self, stored: Stored) {
        let stored = Arc::new(stored);
        let bytes = stored.chunks.iter().map(|chunk| chunk.len() + 64).sum();
        if let Some((lead, ttl)) = self.cache.filter(|_| !stored.downgraded) {
            lead.land(Arc::clone(&stored), ttl, bytes, Arc::clone(&self.project));
        }
        if let Some(lead) = self.replay {
            lead.land(stored, REPLAY, bytes, self.project);
        }
    }

    /// There is none.
    pub fn fail(self, error: &ToolError) {
        for lead in self
            .cache
            .map(|(lead, _)| lead)
            .into_iter()
            .chain(self.replay)
        {
            lead.fail(error);
        }
    }
}

/// Where the answer comes from.
pub enum Found {
    /// It was given before.
    Before(Arc<Stored>, CacheOutcome),
    /// Nowhere yet: a provider has to be asked.
    Nowhere(Keep, Option<CacheOutcome>),
}

/// Looks for the answer to `asked`, which leads to `plan`, and whose body is `body`, said by `operation`.
pub async fn find(
    gateway: &LlmGateway,
    ctx: &Ctx,
    asked: &Asked,
    wish: &Wish,
    plan: &Plan,
    operation: &str,
    body: &[u8],
) -> Result<Found, ToolError> {
    let mut keep = Keep {
        project: ctx.project().as_str().into(),
        ..Keep::default()
    };
    if let Some(key) = &wish.idempotency {
        let place = hash(&[
            "replay",
            ctx.project().as_str(),
            ctx.agent().as_str(),
            &ctx.principal().id,
            key,
        ]);
        let print = Sha256::new()
            .chain_update(operation)
            .chain_update([0])
            .chain_update(body)
            .finalize();
        match enter(&gateway.answers, place, print.into()).await? {
            Entered::Kept(stored) | Entered::Shared(stored) => {
                return Ok(Found::Before(stored, CacheOutcome::Replay));
            }
            Entered::Lead(lead) => keep.replay = Some(lead),
        }
    }
    let config = gateway.setup().cache;
    let caches = match wish.cache {
        CacheWish::Off => false,
        CacheWish::Exact => true,
        CacheWish::Auto => {
            let steady = asked.kind == Kind::Embed || !(wish.hot || asked.wants.tools);
            config.mode == CacheMode::Exact && steady
        }
    };
    if !caches {
        return Ok(Found::Nowhere(keep, None));
    }
    let resolved = plan.resolved();
    let place = hash(&[
        "cache",
        ctx.project().as_str(),
        operation,
        &resolved,
        &canonical(body),
    ]);
    Ok(match enter(&gateway.answers, place, place).await? {
        Entered::Kept(stored) => Found::Before(stored, CacheOutcome::Hit),
        Entered::Shared(stored) => Found::Before(stored, CacheOutcome::Shared),
        Entered::Lead(lead) => {
            let ttl = Duration::from_secs(config.ttl_s);
            keep.cache = Some((lead, ttl));
            Found::Nowhere(keep, Some(CacheOutcome::Miss))
        }
    })
}

async fn enter(
    flights: &Flights<Stored>,
    key: Key,
    print: Key,
) -> Result<Entered<Stored>, ToolError> {
    match flights.enter(key, print).await {
        Ok(entered) => entered,
        Err(Mismatch) => Err(ToolError::invalid(
            "/idempotency_key",
            "was used for another request: use a new key for each, and the same only to repeat one",
        )
        .details(serde_json::json!({ "status": 422 }))),
    }
}

fn hash(parts: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The same text for bodies that say the same: members sorted, the model's name left out, for what it stands for is part of the
/// key.
fn canonical(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            if let Some(fields) = value.as_object_mut() {
                fields.shift_remove("model");
            }
            value.sort_all_objects();
            value.to_string()
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_say_the_same_are_the_same() {
        let a = canonical(br#"{"model":"x","messages":[{"role":"user","content":"hi"}],"n":1}"#);
        let b = canonical(br#"{"n":1, "messages":[{"content":"hi","role":"user"}], "model":"y"}"#);
        let c = canonical(br#"{"n":1,"messages":[{"content":"hi ","role":"user"}]}"#);
        assert!(a == b && a != c);
    }

    #[test]
    fn parts_of_a_key_do_not_run_into_each_other() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
