//! What is written down of a request: when it begins, and when it has ended.
//!
//! Events go through a journal, in batches and perhaps more than once after a crash: [`Store::apply`](super::store::Store::apply)
//! takes each once.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    engine::{
        chat::{Finish, Usage},
        dialect::Dialect,
    },
    ledger::Charge,
};
use crate::base::clock::Millis;

/// What happened to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is about to be sent.
    Began(Began),
    /// It is over. It says all that its beginning said, which it stands for where that is lost.
    Ended(Box<Ended>),
}

/// A request before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    pub id: Arc<str>,
    pub project: Arc<str>,
    pub agent: Arc<str>,
    /// Id of the service token.
    pub token: Arc<str>,
    pub kind: Kind,
    /// Model or route, as it was asked for.
    pub model: Arc<str>,
    /// The route that it went by.
    pub route: Option<Arc<str>>,
    /// The dialect it was asked in; none for a tool's call.
    pub dialect: Option<Dialect>,
    pub stream: bool,
    /// Hash of the caller's idempotency key.
    pub idempotency_hash: Option<String>,
    /// Id of the process that runs it.
    pub owner: Arc<str>,
    pub started_ms: Millis,
}

/// A request that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub began: Began,
    pub outcome: Outcome,
    /// Every time that a provider was asked, in order.
    pub attempts: Vec<Attempt>,
    /// What budgets are charged: [`Ledger::settle`](super::ledger::Ledger::settle).
    pub charges: Vec<Charge>,
    /// What was said, where the settings keep it.
    pub bodies: Option<Bodies>,
}

/// How a request ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    /// The error's code.
    pub code: Option<String>,
    pub finish: Option<Finish>,
    /// Who answered, or was asked last; empty where nobody was.
    pub provider: Arc<str>,
    /// That provider's own name of the model.
    pub upstream_model: Arc<str>,
    pub simulated: bool,
    pub cache: Option<CacheOutcome>,
    pub usage: Usage,
    pub usage_source: UsageSource,
    /// None where it is not known.
    pub cost_nanousd: Option<i64>,
    pub cost_source: CostSource,
    /// Which price it is: [`Priced::id`](super::prices::Priced::id).
    pub price_id: Option<Arc<str>>,
    /// What an answer from the cache would have cost.
    pub saved_nanousd: Option<i64>,
    pub duration_ms: Millis,
    pub first_token_ms: Option<Millis>,
}

/// One time that a provider was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub provider: Arc<str>,
    pub upstream_model: Arc<str>,
    pub status: Status,
    pub http_status: Option<u16>,
    pub code: Option<String>,
    /// What the provider said: scrubbed of keys, at most 300 characters.
    pub message: Option<String>,
    pub retry_after_ms: Option<Millis>,
    pub started_ms: Millis,
    pub duration_ms: Millis,
    pub usage: Usage,
    pub cost_nanousd: Option<i64>,
}

/// What was said, as JSON text; a stream as its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bodies {
    pub request: Option<String>,
    pub response: Option<String>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word that is stored.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// What was asked for.
    Kind {
        #[default]
        Chat "chat",
        Embed "embed",
    }
}

words! {
    /// How a request, or an attempt, ended.
    Status {
        /// It has not ended, or its process died.
        #[default]
        Started "started",
        Ok "ok",
        Error "error",
        /// It broke off when a part of the answer had come.
        Partial "partial",
        Cancelled "cancelled",
        /// It was answered from the cache.
        Cached "cached",
    }
}

words! {
    /// What the cache did for a request.
    CacheOutcome {
        #[default]
        Miss "miss",
        Hit "hit",
        /// It waited for the same request of another caller, and shares its answer.
        Shared "shared",
        /// It was answered again, for the same idempotency key.
        Replay "replay",
    }
}

words! {
    /// Where the counts of tokens come from.
    UsageSource {
        #[default]
        None "none",
        Provider "provider",
        /// Counted here, since the provider did not say.
        Estimated "estimated",
    }
}

words! {
    /// Where a cost comes from.
    CostSource {
        /// The price, or the usage, is not known.
        #[default]
        Unknown "unknown",
        /// The prices in the hub's settings.
        Config "config",
        /// Prices that were imported.
        Imported "imported",
        /// The table that comes with the hub.
        Table "table",
        /// The model is simulated and free.
        Simulated "simulated",
        /// An answer from the cache is free.
        Cache "cache",
    }
}
