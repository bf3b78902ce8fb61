//! What the gate put into the request that carried a message.

use std::sync::Arc;

use http::request::Parts;
use rmcp::{ErrorData, RoleServer, model::Extensions, service::RequestContext};

use super::selection::Selection;
use crate::{
    access::Principal,
    audit::Origin,
    edge::gate::RequestId,
    tool::{Caller, Events, Pin},
};

/// Who sent a message, and where its URL confines it to.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// The project and agent that the URL fixes.
    pub pin: Pin,
    /// What else the URL selects.
    pub selection: Selection,
    request: Option<Arc<str>>,
}

impl Credentials {
    /// Those of the request with these extensions.
    pub fn of(extensions: &Extensions) -> Result<Self, ErrorData> {
        let unauthenticated = || ErrorData::invalid_request("unauthenticated", None);
        let extensions = &extensions
            .get::<Parts>()
            .ok_or_else(unauthenticated)?
            .extensions;
        Ok(Self {
            principal: extensions
                .get::<Arc<Principal>>()
                .cloned()
                .ok_or_else(unauthenticated)?,
            pin: extensions.get::<Pin>().cloned().unwrap_or_default(),
            selection: extensions.get::<Selection>().cloned().unwrap_or_default(),
            request: extensions.get::<RequestId>().map(|id| Arc::clone(&id.0)),
        })
    }

    /// A call by their owner.
    pub fn caller(&self, ctx: &RequestContext<RoleServer>, events: Option<Arc<Events>>) -> Caller {
        Caller {
            principal: Arc::clone(&self.principal),
            pin: self.pin.clone(),
            origin: Origin::Mcp,
            request: self.request.clone(),
            cancel: ctx.ct.clone(),
            events,
            background: false,
        }
    }

    /// Whether project and agent need not be named.
    pub fn is_pinned(&self) -> bool {
        self.pin.or_bound(&self.principal).is_complete()
    }
}
