//! What a running tool knows of its call.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Access, Cause, Change, Event, Events, Level, Registry, ServerId, Spec, Stop, Tool, ToolError,
};
use crate::{
    access::Principal,
    base::{
        clock::Millis,
        ids::{AgentId, ProjectId},
    },
    project::Scope,
};

/// A running call. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Call>);

pub(super) struct Call {
    pub id: Arc<str>,
    pub spec: Arc<Spec>,
    pub scope: Scope,
    pub principal: Arc<Principal>,
    pub deadline: Instant,
    pub background: bool,
    pub cancel: CancellationToken,
    pub events: Option<Arc<Events>>,
    pub request: Option<Arc<str>>,
    pub registry: Arc<Registry>,
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("id", &self.0.id)
            .field("tool", &self.0.spec.name)
            .finish_non_exhaustive()
    }
}

impl Ctx {
    pub(super) fn new(call: Call) -> Self {
        Self(Arc::new(call))
    }

    pub(super) fn inner(&self) -> &Call {
        &self.0
    }

    /// The project and agent of the call.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// The project that the call works in.
    pub fn project(&self) -> &ProjectId {
        &self.0.scope.project
    }

    /// The agent that the call is made for.
    pub fn agent(&self) -> &AgentId {
        &self.0.scope.agent
    }

    /// Who calls.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The call's id, as in the audit log.
    pub fn call_id(&self) -> &str {
        &self.0.id
    }

    /// The time now, in milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        self.0.registry.now()
    }

    /// Whether the caller itself holds this scope.
    pub fn may(&self, server: ServerId, access: Access) -> bool {
        self.0.principal.grant.scopes.allow(server, access)
    }

    /// Whether the caller comes back for the result, so that the tool may wait for an end that is far off.
    pub fn is_task(&self) -> bool {
        self.0.background
    }

    /// When the call is stopped.
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Cancelled when the caller cancels. The pipeline stops the tool by itself; this is for work it started.
    pub fn cancel(&self) -> &CancellationToken {
        &self.0.cancel
    }

    /// Tells the caller how far the call is: units done, units in all where known, and what is being done.
    pub fn progress(&self, done: f64, total: Option<f64>, message: impl Into<String>) {
        if let Some(events) = &self.0.events {
            events.push(Event::Progress {
                done,
                total,
                message: message.into(),
            });
        }
    }

    /// Tells subscribers that the resource at `path` of this project changed: `issues/12`. To be called after the commit.
    pub fn changed(&self, path: impl Into<String>) {
        self.tell(None, path.into(), false);
    }

    /// Tells subscribers that a resource of this agent's own workspace changed: `files/src/main.rs`, and with `below` all that
    /// lies under it.
    pub fn changed_own(&self, path: impl Into<String>, below: bool) {
        self.tell(Some(self.agent().clone()), path.into(), below);
    }

    fn tell(&self, agent: Option<AgentId>, path: String, below: bool) {
        self.0.registry.changes().tell(Change {
            project: Some(self.project().clone()),
            agent,
            path,
            below,
            cause: Cause {
                server: self.0.spec.server,
                action: self.0.spec.name.into(),
                agent: Some(self.agent().clone()),
                call: Some(Arc::clone(&self.0.id)),
            },
        });
    }

    /// Tells the caller what happens on the way, where it asked for such messages.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        if let Some(events) = &self.0.events {
            events.push(Event::Log {
                level,
                message: message.into(),
            });
        }
    }

    /// Sends the caller the next piece of the answer's text.
    pub fn delta(&self, text: impl Into<String>) {
        if let Some(events) = &self.0.events {
            events.push(Event::Delta(text.into()));
        }
    }

    /// Runs `work` on the bounded pool for blocking work. It is asked to stop when the call ends first.
    pub async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<R, ToolError> + Send + 'static,
    ) -> Result<R, ToolError> {
        self.0.registry.pool().run(work).await
    }

    /// Calls another server's tool in-process: typed, without JSON, through the same pipeline, for the same principal and
    /// scope, under this call's deadline and cancellation. The tool must be listed in [`super::ToolServer::CALLS`].
    ///
    /// Boxed, or the futures of servers that call each other would have no finite type.
    pub fn call<T: Tool>(&self, args: T::Args) -> BoxFuture<'_, Result<T::Output, ToolError>> {
        Box::pin(Registry::call_from::<T>(self, args))
    }
}
