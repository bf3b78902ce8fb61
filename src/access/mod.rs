//! Floor 2: who is calling, and what they may do.

mod authority;
mod config;
pub mod grant;
mod idempotency;
pub mod jwt;
mod keep;
pub mod key;
mod limit_store;
pub mod oauth;
mod place;
pub mod quota;
mod rules;
pub mod scope;
mod store;
pub mod token;
mod tokens;
pub mod tools;

use std::sync::Arc;

pub use authority::{Authority, Denied, LimitError};
pub use config::AuthConfig;
pub use grant::Allow;
use grant::Grant;
pub use idempotency::{Answer, Entered, Held, IdempotencyKeys, Keyed, Refused};
pub use keep::keep;
pub use place::{Audience, Place};
use quota::Quota;
pub use rules::{Call, LimitRule, LimitsConfig};
pub use scope::{Access, ServerId};
pub use tokens::{BadToken, NewToken, Rotation, TokenInfo};

use crate::base::clock::Millis;

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
    /// Whose share that is: the service token behind it, or the principal itself.
    pub owner: Arc<str>,
    /// Where it comes from.
    pub source: Source,
    /// Where its token is good.
    pub audience: Audience,
}

/// What a principal's token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A service token.
    Token,
    /// An access token of the hub's own authorization server, by the delegation with this id.
    Delegation(Arc<str>),
    /// A JWT of another issuer.
    Issuer,
}

impl Source {
    /// The id of what it ends with, before its time; nothing where it cannot be ended. `own` is the principal's.
    fn ends_with<'a>(&'a self, own: &'a Arc<str>) -> Option<&'a Arc<str>> {
        match self {
            Self::Token => Some(own),
            Self::Delegation(id) => Some(id),
            Self::Issuer => None,
        }
    }
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
            quota: Arc::new(Quota::new(HUB, &LimitsConfig::default())),
            owner: HUB.into(),
            source: Source::Token,
            audience: Audience::Any,
        }
    }

    /// Whether it is the hub itself.
    pub fn is_hub(&self) -> bool {
        &*self.id == HUB
    }
}
