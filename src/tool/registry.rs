//! All tools of all enabled servers, and the ways to call one.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{
    AGENT_ID, Builder, Caller, Changes, Ctx, DynTool, DynWire, Face, Offer, PROJECT_ID, Pool,
    Route, ServerId, Spec, Target, Tool, ToolError, ToolServer, Upkeep,
    bound::Bound,
    builder::Mounted,
    deps,
    pipeline::{Admitted, Request, no_such_scope, size},
    running::Running,
};
use crate::{
    access::{Authority, Principal},
    audit::{Audit, Origin},
    base::{
        clock::{Clock, Millis},
        paging, redact,
    },
    project::{Projects, Scope},
};

/// What the pipeline works with.
#[derive(Debug)]
pub struct Parts {
    /// Says whether a token is still good.
    pub authority: Arc<Authority>,
    /// Says which agents are members of which projects.
    pub projects: Projects,
    /// Takes an entry for every call.
    pub audit: Audit,
    /// The time.
    pub clock: Clock,
    /// Runs what blocks.
    pub pool: Pool,
    /// Tells of changes.
    pub changes: Changes,
    /// Leads the servers' background work here.
    pub upkeep: Upkeep,
}

/// All tools of all enabled servers.
pub struct Registry {
    pub(super) servers: BTreeMap<ServerId, Mounted>,
    pub(super) by_name: HashMap<&'static str, Arc<dyn DynTool>>,
    pub(super) typed: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    pub(super) parts: Arc<Parts>,
    pub(super) running: Arc<Running>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("tools", &self.by_name.len())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// An empty collection.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The enabled servers.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> {
        self.servers.keys().copied()
    }

    /// The tools of `server` that clients may call, in a fixed order.
    pub fn tools(&self, server: ServerId) -> impl Iterator<Item = &Arc<dyn DynTool>> {
        self.every_tool(server)
            .filter(|t| t.spec().face == Face::Everywhere)
    }

    /// The tools of `server`, those for other servers only included.
    pub fn every_tool(&self, server: ServerId) -> impl Iterator<Item = &Arc<dyn DynTool>> {
        self.servers
            .get(&server)
            .into_iter()
            .flat_map(Mounted::tools)
    }

    /// The tools of `server` that `principal` may call.
    pub fn visible<'a>(
        &'a self,
        server: ServerId,
        principal: &'a Principal,
    ) -> impl Iterator<Item = &'a Arc<dyn DynTool>> {
        self.tools(server)
            .filter(move |t| self.is_visible(t.spec(), principal))
    }

    /// Whether `principal` may call the tool.
    pub fn is_visible(&self, spec: &Spec, principal: &Principal) -> bool {
        let grant = &principal.grant;
        grant.scopes.allow(spec.server, spec.access) && grant.tools.covers(spec.name)
    }

    /// The tool `name` of `server`, if clients may call it.
    pub fn find(&self, server: ServerId, name: &str) -> Option<&Arc<dyn DynTool>> {
        self.find_any(name).filter(|t| t.spec().server == server)
    }

    /// The tool `name` of whichever server has it, if clients may call it.
    pub fn find_any(&self, name: &str) -> Option<&Arc<dyn DynTool>> {
        self.by_name
            .get(name)
            .filter(|t| t.spec().face == Face::Everywhere)
    }

    /// The friendly routes of `server`.
    pub fn routes(&self, server: ServerId) -> &'static [Route] {
        self.offer(server).routes
    }

    /// The wires of `server`.
    pub fn wires(&self, server: ServerId) -> impl Iterator<Item = &Arc<dyn DynWire>> {
        self.servers.get(&server).into_iter().flat_map(|m| &m.wires)
    }

    /// What `server` offers beside its tools.
    pub(super) fn offer(&self, server: ServerId) -> Offer {
        self.servers
            .get(&server)
            .map(|m| m.offer)
            .unwrap_or_default()
    }

    /// The tool that reads the project's settings for clients of `server`.
    pub(super) fn config_reader(&self, server: ServerId) -> Option<&Arc<dyn DynTool>> {
        self.servers.get(&server).map(|m| &m.config_reader)
    }

    /// Whether `principal` may still hear of `target`, which it read before: its token, and the membership, may have ended.
    pub async fn still_reads(&self, principal: &Principal, target: &Target) -> bool {
        let live = self.authority().is_live(principal).await.unwrap_or(false);
        live && match target.scope() {
            Some(scope) => self.projects().is_member(&scope).await.unwrap_or(false),
            None => true,
        }
    }

    /// What has changed, for subscribers.
    pub fn changes(&self) -> &Changes {
        &self.parts.changes
    }

    /// Calls a tool with JSON arguments: the way of every client.
    pub async fn call_json(
        self: &Arc<Self>,
        tool: &dyn DynTool,
        caller: Caller,
        mut args: Map<String, Value>,
    ) -> Result<Value, ToolError> {
        let admitted = self.admit_json(tool, caller, &mut args).await?;
        let done = admitted.guard(paged(tool, &admitted.ctx, args)).await;
        admitted.charge(|| done.as_ref().map_or(0, size));
        admitted.settle(done.as_ref().err());
        done
    }

    /// Lets a call in that was made before and is answered as it was then: on record, and not made again.
    pub async fn call_again(
        self: &Arc<Self>,
        tool: &dyn DynTool,
        caller: Caller,
        mut args: Map<String, Value>,
    ) -> Result<(), ToolError> {
        let admitted = self.admit_json(tool, caller, &mut args).await?;
        admitted.settle_again();
        Ok(())
    }

    async fn admit_json(
        self: &Arc<Self>,
        tool: &dyn DynTool,
        caller: Caller,
        args: &mut Map<String, Value>,
    ) -> Result<Admitted, ToolError> {
        let project = args.shift_remove(PROJECT_ID);
        let agent = args.shift_remove(AGENT_ID);
        let arguments = self
            .parts
            .audit
            .keeps_arguments()
            .then(|| redact::arguments(args, tool.spec().content).to_string());
        let bound = caller.pin.or_bound(&caller.principal);
        let named = name(
            PROJECT_ID,
            project,
            caller.pin.project.as_ref(),
            bound.project,
        )
        .and_then(|p| {
            Ok((
                p,
                name(AGENT_ID, agent, caller.pin.agent.as_ref(), bound.agent)?,
            ))
        });
        let admitted = self
            .admit(request(tool.spec(), caller, named, arguments))
            .await?;
        admitted.charge(|| size(args));
        Ok(admitted)
    }

    /// Lets a call in whose project and agent are the caller's pins, or what it is bound to.
    pub(super) async fn admit_pinned(
        self: &Arc<Self>,
        spec: &Arc<Spec>,
        caller: Caller,
        arguments: Option<String>,
    ) -> Result<Admitted, ToolError> {
        let bound = caller.pin.or_bound(&caller.principal);
        let named = name(PROJECT_ID, None, None, bound.project)
            .and_then(|project| Ok((project, name(AGENT_ID, None, None, bound.agent)?)));
        self.admit(request(spec, caller, named, arguments)).await
    }

    /// Calls a tool with typed arguments, for programs that embed the hub.
    pub async fn call<T: Tool>(
        self: &Arc<Self>,
        caller: Caller,
        scope: &Scope,
        args: T::Args,
    ) -> Result<T::Output, ToolError> {
        let bound = self.bound::<T>()?;
        let named = Ok((scope.project.as_str().into(), scope.agent.as_str().into()));
        let admitted = self
            .admit(request(&bound.spec, caller, named, None))
            .await?;
        let done = admitted.guard(bound.run(&admitted.ctx, args)).await;
        admitted.settle(done.as_ref().err());
        done
    }

    /// Calls a tool from inside another: same principal, project, deadline and cancellation.
    pub(super) async fn call_from<T: Tool>(
        ctx: &Ctx,
        args: T::Args,
    ) -> Result<T::Output, ToolError> {
        let call = ctx.inner();
        let access = deps::access::<T>(call.spec.server, call.spec.calls)?;
        let bound = call.registry.bound::<T>()?;
        let admitted = call
            .registry
            .admit(Request {
                spec: Arc::clone(&bound.spec),
                principal: Arc::clone(&call.principal),
                named: Ok((
                    call.scope.project.as_str().into(),
                    call.scope.agent.as_str().into(),
                )),
                origin: Origin::Module,
                delegated: Some(access),
                parent: Some(Arc::clone(&call.id)),
                request: call.request.clone(),
                cancel: call.cancel.child_token(),
                deadline: Some(call.deadline),
                background: false,
                events: None,
                arguments: None,
            })
            .await?;
        let done = admitted.guard(bound.run(&admitted.ctx, args)).await;
        admitted.settle(done.as_ref().err());
        done
    }

    pub(super) fn bound<T: Tool>(&self) -> Result<Arc<Bound<T>>, ToolError> {
        let typed = self.typed.get(&TypeId::of::<T>());
        typed.and_then(|any| Arc::clone(any).downcast().ok()).ok_or_else(|| {
            let (server, tool) = (T::Server::ID, T::NAME);
            ToolError::unavailable(if self.servers.contains_key(&server) {
                format!(
                    "this needs the tool {tool}, which is disabled: take it out of disabled_tools under [servers.{server}] in config.toml"
                )
            } else {
                format!(
                    "this needs the server {server}, which is disabled: set enabled = true under [servers.{server}] in config.toml"
                )
            })
        })
    }

    /// Calls that run now, those included that an earlier registry let in.
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// The clock that it asks.
    pub fn clock(&self) -> Clock {
        self.parts.clock.clone()
    }

    /// The time now, in milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        self.parts.clock.now()
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.parts.authority
    }

    pub(super) fn projects(&self) -> &Projects {
        &self.parts.projects
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.parts.audit
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.parts.pool
    }
}

/// Runs a tool whose list, if it answers with one, is continued by its caller only: a cursor belongs to the token it was
/// given to.
async fn paged(
    tool: &dyn DynTool,
    ctx: &Ctx,
    mut args: Map<String, Value>,
) -> Result<Value, ToolError> {
    let owner = Arc::clone(&ctx.principal().id);
    if let Some(Value::String(cursor)) = args.get_mut("cursor") {
        *cursor = paging::unseal(&owner, cursor)?.to_owned();
    }
    let mut answer = tool.run_json(ctx, args).await?;
    if let Some(Value::String(next)) = answer.get_mut("next_cursor") {
        *next = paging::seal(&owner, next);
    }
    Ok(answer)
}

fn request(
    spec: &Arc<Spec>,
    caller: Caller,
    named: Result<(Arc<str>, Arc<str>), ToolError>,
    arguments: Option<String>,
) -> Request {
    Request {
        spec: Arc::clone(spec),
        principal: caller.principal,
        named,
        origin: caller.origin,
        delegated: None,
        parent: None,
        request: caller.request,
        cancel: caller.cancel,
        deadline: None,
        background: caller.background,
        events: caller.events,
        arguments,
    }
}

/// The name to use: the argument, or what the caller is pinned or bound to. An argument cannot leave a pin.
fn name(
    field: &str,
    argument: Option<Value>,
    pin: Option<&Arc<str>>,
    bound: Option<Arc<str>>,
) -> Result<Arc<str>, ToolError> {
    match (argument, pin, bound) {
        (Some(Value::String(given)), Some(pin), _) if given != **pin => Err(no_such_scope()),
        (Some(Value::String(given)), _, _) => Ok(given.into()),
        (None | Some(Value::Null), _, Some(bound)) => Ok(bound),
        (None | Some(Value::Null), _, None) => {
            Err(ToolError::invalid(format!("/{field}"), "is required"))
        }
        (Some(_), _, _) => Err(ToolError::invalid(format!("/{field}"), "must be a string")),
    }
}
