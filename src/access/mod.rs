//! Floor 2: who is calling, and what they may do.

mod authority;
mod config;
pub mod grant;
pub mod jwt;
pub mod key;
pub mod oauth;
mod place;
pub mod quota;
pub mod scope;
mod store;
pub mod token;
mod tokens;
pub mod tools;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use authority::{Authority, Denied};
pub use config::AuthConfig;
pub use grant::Allow;
use grant::Grant;
pub use place::{Audience, Place};
use quota::Quota;
pub use scope::{Access, ServerId};
pub use tokens::{BadToken, NewToken, Rotation, TokenInfo};

use crate::base::clock::Millis;

/// `[limits]` of config.toml: what one principal may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Calls a minute for each token; 0 for no limit.
    pub calls_per_minute: u32,
    /// Calls at the same time for each token.
    pub concurrent_calls: u32,
    /// Threads for blocking work (git, search, parsing); 0 for twice the number of processors.
    pub blocking_threads: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_per_minute: 0,
            concurrent_calls: 256,
            blocking_threads: 0,
        }
    }
}

/// An authenticated subject.
#[derive(Debug)]
pub struct Principal {
    /// The id of the token, or of what it stands for; never the token.
    pub id: Arc<str>,
    /// The name its maker gave it.
    pub name: Arc<str>,
    /// What it may do.
    pub grant: Grant,
    /// When it stops being valid.
    pub expires_ms: Option<Millis>,
    /// Its share of the hub.
    pub quota: Arc<Quota>,
    /// Where it comes from.
    pub source: Source,
    /// Where its token is good.
    pub audience: Audience,
}

/// What a principal's token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A service token.
    Token,
    /// An access token of the hub's own authorization server.
    Delegation,
    /// A JWT of another issuer.
    Issuer,
}

/// The id of the hub itself; no token has one like it.
const HUB: &str = "hub";

impl Principal {
    /// The hub itself, at the upkeep of what its callers have left with it. No token speaks for it, and it holds no scope: what
    /// it may call is what the server that it works for declares.
    pub fn hub() -> Self {
        Self {
            id: HUB.into(),
            name: HUB.into(),
            grant: Grant {
                projects: Allow::All,
                agents: Allow::All,
                scopes: scope::Scopes::default(),
                tools: tools::ToolFilter::default(),
            },
            expires_ms: None,
            quota: Arc::new(Quota::new(&LimitsConfig::default())),
            source: Source::Token,
            audience: Audience::Any,
        }
    }

    /// Whether it is the hub itself.
    pub fn is_hub(&self) -> bool {
        &*self.id == HUB
    }
}
