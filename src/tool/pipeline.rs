//! The one pipeline: **admit** (live token, scope, project, agent, quota, audit start) → **guard** (deadline,
//! cancellation, panics) → **settle** (audit end, metrics). Nothing here is generic over tools: it is compiled once.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    AGENT_ID, Access, Code, Ctx, Events, Face, PROJECT_ID, Registry, Spec, ToolError, ctx::Call,
    running::Counted,
};
use crate::{
    access::{self, Principal, quota::Permits},
    audit::{Entry, Origin, Outcome},
    base::{
        ids::{AgentId, ProjectId, new_id},
        redact,
    },
    project::Scope,
};

/// What a call asks for, before anything is checked.
pub struct Request {
    pub spec: Arc<Spec>,
    pub principal: Arc<Principal>,
    /// Project and agent as the caller named them, or why they could not be read.
    pub named: Result<(Arc<str>, Arc<str>), ToolError>,
    pub origin: Origin,
    /// The access that a server may use at another, for a call between servers.
    pub delegated: Option<Access>,
    pub parent: Option<Arc<str>>,
    pub request: Option<Arc<str>>,
    pub cancel: CancellationToken,
    pub deadline: Option<Instant>,
    /// Whether the caller comes back for the result.
    pub background: bool,
    pub events: Option<Arc<Events>>,
    pub arguments: Option<String>,
}

/// The answer to every project and agent that a caller may not use, whether they exist or not.
pub fn no_such_scope() -> ToolError {
    ToolError::forbidden(
        "no such project and agent for this token: check project_id and agent_id; an administrator can make the agent a \
         member of the project, or issue a token that covers both",
    )
}

/// A call that was let in. It is settled exactly once: by [`Admitted::settle`], or as aborted when it is dropped.
pub struct Admitted {
    pub ctx: Ctx,
    entry: Option<Entry>,
    started: Instant,
    permits: Option<Permits>,
    _running: Counted,
}

impl Registry {
    /// Lets a call in, or refuses and audits it.
    pub(super) async fn admit(self: &Arc<Self>, asked: Request) -> Result<Admitted, ToolError> {
        let started = Instant::now();
        let name =
            |part: &Arc<str>| -> Arc<str> { part.chars().take(64).collect::<String>().into() };
        let (project, agent) = match &asked.named {
            Ok((project, agent)) => (name(project), name(agent)),
            Err(_) => ("".into(), "".into()),
        };
        let entry = Entry {
            id: new_id("call").into(),
            started_ms: self.now(),
            duration_us: None,
            principal: Arc::clone(&asked.principal.id),
            project,
            agent,
            server: asked.spec.server.as_str().into(),
            tool: asked.spec.name.into(),
            access: asked.spec.access,
            origin: asked.origin,
            parent: asked.parent.clone(),
            request: asked.request.clone(),
            outcome: Outcome::Started,
            code: None,
            arguments: asked.arguments.as_deref().map(redact::text),
        };
        let checked = self
            .check(&asked.principal, &asked.spec, asked.delegated, asked.named)
            .await;
        match checked {
            Ok((scope, permits)) => {
                let task = asked.spec.task.filter(|_| asked.background);
                let own = started + task.unwrap_or(asked.spec.deadline);
                let running = self.running().start(asked.spec.server);
                let ctx = Ctx::new(Call {
                    id: Arc::clone(&entry.id),
                    spec: asked.spec,
                    scope,
                    principal: asked.principal,
                    deadline: asked.deadline.map_or(own, |outer| outer.min(own)),
                    background: task.is_some(),
                    cancel: asked.cancel,
                    events: asked.events,
                    request: asked.request,
                    registry: Arc::clone(self),
                });
                let writes = entry.access > Access::Read;
                let admitted = Admitted {
                    ctx,
                    entry: Some(entry),
                    started,
                    permits,
                    _running: running,
                };
                if writes && let Some(entry) = &admitted.entry {
                    self.audit().write_now(entry.clone())?;
                }
                Ok(admitted)
            }
            Err(error) => {
                let ended = Entry {
                    outcome: Outcome::Refused,
                    code: Some(error.code.as_str().into()),
                    ..entry
                };
                self.finish(ended, started);
                Err(error)
            }
        }
    }

    async fn check(
        &self,
        principal: &Principal,
        spec: &Spec,
        delegated: Option<Access>,
        named: Result<(Arc<str>, Arc<str>), ToolError>,
    ) -> Result<(Scope, Option<Permits>), ToolError> {
        // The hub's own upkeep has no token, and goes on for members that have left.
        let own = principal.is_hub();
        if !own && !self.authority().is_live(principal).await? {
            let message = "the token is revoked or expired: ask an administrator for a new one";
            return Err(ToolError::new(Code::Unauthenticated, message));
        }
        let allowed = match delegated {
            Some(access) => access >= spec.access,
            None => principal.grant.scopes.allow(spec.server, spec.access),
        };
        if !allowed {
            let needed = spec.scope();
            let message = format!(
                "this token lacks the scope {needed:?}: ask an administrator for a token that has it"
            );
            return Err(ToolError::forbidden(message).details(json!({"scope": needed})));
        }
        // A filter says what its token may ask for. What a tool needs of another server to do its work is the tool's own
        // affair, declared in `CALLS` and the same for every caller: as with scopes, the caller's filter is not asked there.
        // What clients cannot call by its name (a project's settings) has none that a filter could hold.
        let by_name = delegated.is_none() && spec.face == Face::Everywhere;
        if by_name && !principal.grant.tools.covers(spec.name) {
            return Err(ToolError::forbidden(format!(
                "this token may not call {}: ask an administrator for a token whose tools_allow and tools_deny let it",
                spec.name
            )));
        }
        let (project, agent) = named?;
        let scope = Scope {
            project: ProjectId::new(project)
                .map_err(|e| ToolError::invalid(format!("/{PROJECT_ID}"), e.to_string()))?,
            agent: AgentId::new(agent)
                .map_err(|e| ToolError::invalid(format!("/{AGENT_ID}"), e.to_string()))?,
        };
        let covered =
            own || principal.grant.covers(&scope) && self.projects().is_member(&scope).await?;
        if !covered {
            return Err(no_such_scope());
        }
        // A call between servers runs on its caller's place: taking another could wait for itself.
        let permits = if delegated.is_some() {
            None
        } else {
            let call = access::Call {
                principal,
                scope: &scope,
                tool: spec.name,
            };
            Some(self.authority().enter(&call).await?)
        };
        Ok((scope, permits))
    }

    /// Writes how a call ended.
    fn finish(&self, mut entry: Entry, started: Instant) {
        measure(&mut entry, started);
        self.audit().write(entry);
    }
}

impl Admitted {
    /// Runs `work` until it ends, its caller cancels, its deadline passes, or it panics.
    pub async fn guard<R>(
        &self,
        work: impl Future<Output = Result<R, ToolError>> + Send,
    ) -> Result<R, ToolError> {
        let call = self.ctx.inner();
        tokio::select! {
            biased;
            done = AssertUnwindSafe(work).catch_unwind() => done.unwrap_or_else(|panic| {
                let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Err(ToolError::internal(format!("panic: {said}")))
            }),
            () = call.cancel.cancelled() => Err(ToolError::new(Code::Cancelled, "the call was cancelled")),
            () = tokio::time::sleep_until(call.deadline) => {
                let message = "the call ran out of time: ask for less at once, or try again later";
                Err(ToolError::new(Code::DeadlineExceeded, message))
            }
        }
    }

    /// Counts the bytes of what went in and came out, where they are limited.
    pub fn charge(&self, sizes: impl FnOnce() -> u64) {
        if let Some(permits) = self.permits.as_ref().filter(|p| p.count_bytes()) {
            permits.charge(sizes());
        }
    }

    /// Writes that the call was answered as it had been before.
    pub fn settle_again(mut self) {
        if let Some(entry) = self.entry.take() {
            let ended = Entry {
                outcome: Outcome::Ok,
                code: Some("replayed".into()),
                ..entry
            };
            self.ctx.inner().registry.finish(ended, self.started);
        }
    }

    /// Writes how the call ended, and logs what the caller is not told.
    pub fn settle(mut self, error: Option<&ToolError>) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        if let Some(error) = error {
            entry.code = Some(error.code.as_str().into());
            entry.outcome = if error.code == Code::Cancelled {
                Outcome::Cancelled
            } else {
                Outcome::Error
            };
            if let Some(source) = &error.source {
                tracing::error!(call = %entry.id, tool = &*entry.tool, code = error.code.as_str(), cause = %source, "call failed");
            }
        } else {
            entry.outcome = Outcome::Ok;
        }
        self.ctx.inner().registry.finish(entry, self.started);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.outcome = Outcome::Aborted;
            measure(&mut entry, self.started);
            self.ctx.inner().registry.audit().write(entry);
        }
    }
}

fn measure(entry: &mut Entry, started: Instant) {
    let took = started.elapsed();
    entry.duration_us = Some(i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
    let (server, tool) = (entry.server.clone(), entry.tool.clone());
    let outcome = entry.outcome.as_str();
    tracing::debug!(call = %entry.id, server = &*server, tool = &*tool, outcome, ?took, "call");
    #[cfg(feature = "otel")]
    crate::observe::traces::record(|| crate::observe::traces::Span {
        call: entry.id.to_string(),
        parent: entry.parent.as_deref().map(str::to_owned),
        request: entry.request.as_deref().map(str::to_owned),
        server: server.to_string(),
        tool: tool.to_string(),
        project: entry.project.to_string(),
        agent: entry.agent.to_string(),
        started_ms: entry.started_ms,
        duration_us: entry.duration_us.unwrap_or(0),
        outcome,
        code: entry.code.as_deref().map(str::to_owned),
    });
    metrics::histogram!("syndarix_call_seconds", "server" => server.clone())
        .record(took.as_secs_f64());
    metrics::counter!("syndarix_calls_total", "server" => server, "tool" => tool, "outcome" => outcome).increment(1);
}

/// Bytes of `value` as JSON.
pub(super) fn size(value: &impl serde::Serialize) -> u64 {
    #[derive(Default)]
    struct Counted(u64);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted::default();
    let written = serde_json::to_writer(&mut counted, value);
    written.map_or(0, |()| counted.0)
}
