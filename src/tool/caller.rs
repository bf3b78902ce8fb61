//! Who makes a call, and how it came in.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Events;
use crate::{access::Principal, audit::Origin};

/// A project and agent fixed by the endpoint's URL or headers. They narrow a principal, never widen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// The only project that calls may name, as the client wrote it.
    pub project: Option<Arc<str>>,
    /// The only agent that calls may name, as the client wrote it.
    pub agent: Option<Arc<str>>,
}

impl Pin {
    /// The pin, completed by what the principal is bound to exactly.
    #[must_use]
    pub fn or_bound(&self, principal: &Principal) -> Self {
        let project = || principal.grant.projects.sole().map(|p| p.as_str().into());
        let agent = || principal.grant.agents.sole().map(|a| a.as_str().into());
        Self {
            project: self.project.clone().or_else(project),
            agent: self.agent.clone().or_else(agent),
        }
    }

    /// Whether a caller may leave both names out.
    pub fn is_complete(&self) -> bool {
        self.project.is_some() && self.agent.is_some()
    }
}

/// An authenticated call on its way in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// Where it is confined to.
    pub pin: Pin,
    /// The face it came through.
    pub origin: Origin,
    /// The HTTP request that carried it.
    pub request: Option<Arc<str>>,
    /// Cancels the call.
    pub cancel: CancellationToken,
    /// Takes progress and deltas, where somebody listens.
    pub events: Option<Arc<Events>>,
    /// Whether the caller comes back for the result: then the tool may take its time.
    pub background: bool,
}

impl Caller {
    /// A call by the program that embeds the hub.
    pub fn embedded(principal: Arc<Principal>) -> Self {
        Self {
            principal,
            pin: Pin::default(),
            origin: Origin::Embedded,
            request: None,
            cancel: CancellationToken::new(),
            events: None,
            background: false,
        }
    }
}
