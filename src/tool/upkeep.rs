//! Calls that a server makes of its own accord: for work that goes on after the call that began it has ended.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::watch;

use super::{Registry, Tool, ToolError, ToolServer, deps, pipeline::Request};
use crate::{access::Principal, audit::Origin, base::ids::new_id, project::Scope};

/// The way from a server's background work to tools of other servers, through the same pipeline: admitted, on the record,
/// under the tool's deadline. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Upkeep(Arc<watch::Sender<Weak<Registry>>>);

/// How long a call waits for a hub that is starting.
const PATIENCE: Duration = Duration::from_secs(10);

impl Default for Upkeep {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Weak::new())))
    }
}

impl Upkeep {
    /// Calls go to `registry` from now on.
    pub(super) fn follow(&self, registry: &Arc<Registry>) {
        self.0.send_replace(Arc::downgrade(registry));
    }

    /// Calls a tool for the server `S`, which must list it in [`ToolServer::CALLS`]. It works in `scope`, whose project and
    /// agent bear the cost, but for the hub itself: whoever left the work may have lost token or membership since.
    ///
    /// # Errors
    /// What the tool answers, and `unavailable` when the hub stops.
    pub async fn call<S: ToolServer, T: Tool>(
        &self,
        scope: &Scope,
        args: T::Args,
    ) -> Result<T::Output, ToolError> {
        let mut follows = self.0.subscribe();
        let open = follows.wait_for(|registry| registry.strong_count() > 0);
        let open = tokio::time::timeout(PATIENCE, open).await;
        let registry = open.ok().and_then(|open| open.ok()?.upgrade());
        let registry =
            registry.ok_or_else(|| ToolError::unavailable("the hub is starting or stopping"))?;
        let bound = registry.bound::<T>()?;
        let admitted = registry
            .admit(Request {
                spec: Arc::clone(&bound.spec),
                principal: Arc::new(Principal::hub()),
                named: Ok((scope.project.as_str().into(), scope.agent.as_str().into())),
                origin: Origin::Module,
                delegated: Some(deps::access::<T>(S::ID, S::CALLS)?),
                parent: None,
                request: Some(new_id("req").into()),
                cancel: tokio_util::sync::CancellationToken::new(),
                deadline: None,
                background: false,
                events: None,
                arguments: None,
            })
            .await?;
        let done = admitted.guard(bound.run(&admitted.ctx, args)).await;
        admitted.settle(done.as_ref().err());
        done
    }
}
