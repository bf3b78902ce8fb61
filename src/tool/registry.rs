//! All tools of all enabled servers, and the ways to call one.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Map, Value};

use super::{
    AGENT_ID, Caller, Ctx, Dep, DynTool, Face, PROJECT_ID, Pool, Route, ServerId, Spec, Tool,
    ToolError, ToolServer,
    bound::Bound,
    deps,
    pipeline::{Request, no_such_scope},
};
use crate::{
    access::{Authority, Principal},
    audit::{Audit, Origin},
    base::{
        clock::{Clock, Millis},
        redact,
    },
    project::{Projects, Scope},
};

struct Mounted {
    tools: Vec<Arc<dyn DynTool>>,
    routes: &'static [Route],
    calls: &'static [Dep],
}

/// The tools of one server, while it is being mounted.
pub struct ToolSet<S> {
    server: Arc<S>,
    tools: Vec<Arc<dyn DynTool>>,
    typed: Vec<(TypeId, Arc<dyn Any + Send + Sync>)>,
}

impl<S: ToolServer> ToolSet<S> {
    /// Adds a tool.
    pub fn add<T: Tool<Server = S>>(&mut self) -> &mut Self {
        let bound = Arc::new(Bound::<T> {
            server: Arc::clone(&self.server),
            spec: Arc::new(Spec::of::<T>()),
        });
        self.tools.push(bound.clone());
        self.typed.push((TypeId::of::<T>(), bound));
        self
    }
}

/// A hub whose servers do not fit together: a mistake in the program.
#[derive(Debug, thiserror::Error)]
pub enum BadRegistry {
    /// Two tools of one name.
    #[error("tool {0} is there twice")]
    Duplicate(&'static str),
    /// A server that is there twice.
    #[error("server {0} is there twice")]
    Twice(ServerId),
    /// A route to a tool that its server does not have.
    #[error("route {0} leads to no tool of {1}")]
    Route(&'static str, ServerId),
    /// A declared call to a tool that its server, which is enabled, does not have.
    #[error("{0} may call {1}, which is no tool of {2}")]
    Dep(ServerId, &'static str, ServerId),
    /// Servers that call each other in a circle.
    #[error("servers call each other in a circle: {0:?}")]
    Circle(Vec<ServerId>),
}

/// Collects servers.
pub struct Builder {
    servers: BTreeMap<ServerId, Mounted>,
    typed: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    twice: Option<ServerId>,
}

impl Builder {
    /// Mounts a server with all its tools.
    #[must_use]
    pub fn mount<S: ToolServer>(mut self, server: S) -> Self {
        let mut set = ToolSet {
            server: Arc::new(server),
            tools: Vec::new(),
            typed: Vec::new(),
        };
        S::tools(&mut set);
        let mounted = Mounted {
            tools: set.tools,
            routes: S::ROUTES,
            calls: S::CALLS,
        };
        if self.servers.insert(S::ID, mounted).is_some() {
            self.twice = Some(S::ID);
        }
        self.typed.extend(set.typed);
        self
    }

    /// Checks that everything fits together.
    pub fn build(
        self,
        authority: Arc<Authority>,
        projects: Projects,
        audit: Audit,
        clock: Clock,
        pool: Pool,
    ) -> Result<Arc<Registry>, BadRegistry> {
        if let Some(server) = self.twice {
            return Err(BadRegistry::Twice(server));
        }
        let mut by_name: HashMap<&'static str, Arc<dyn DynTool>> = HashMap::new();
        for tool in self.servers.values().flat_map(|m| &m.tools) {
            if by_name.insert(tool.spec().name, Arc::clone(tool)).is_some() {
                return Err(BadRegistry::Duplicate(tool.spec().name));
            }
        }
        let has = |server: ServerId, tool: &str| {
            by_name.get(tool).is_some_and(|t| t.spec().server == server)
        };
        for (&id, mounted) in &self.servers {
            if let Some(route) = mounted.routes.iter().find(|r| !has(id, r.tool)) {
                return Err(BadRegistry::Route(route.path, id));
            }
            let missing = mounted
                .calls
                .iter()
                .find(|d| self.servers.contains_key(&d.server) && !has(d.server, d.tool));
            if let Some(dep) = missing {
                return Err(BadRegistry::Dep(id, dep.tool, dep.server));
            }
        }
        let calls: Vec<_> = self.servers.iter().map(|(id, m)| (*id, m.calls)).collect();
        if let Some(circle) = deps::circle(&calls) {
            return Err(BadRegistry::Circle(circle));
        }
        let parts = Parts {
            authority,
            projects,
            audit,
            clock,
            pool,
            running: Arc::default(),
        };
        Ok(Arc::new(Registry {
            servers: self.servers,
            by_name,
            typed: self.typed,
            parts,
        }))
    }
}

/// What the pipeline works with.
struct Parts {
    authority: Arc<Authority>,
    projects: Projects,
    audit: Audit,
    clock: Clock,
    pool: Pool,
    running: Arc<AtomicUsize>,
}

/// All tools of all enabled servers.
pub struct Registry {
    servers: BTreeMap<ServerId, Mounted>,
    by_name: HashMap<&'static str, Arc<dyn DynTool>>,
    typed: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    parts: Parts,
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
        Builder {
            servers: BTreeMap::new(),
            typed: HashMap::new(),
            twice: None,
        }
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
        self.servers.get(&server).into_iter().flat_map(|m| &m.tools)
    }

    /// The tools of `server` that `principal` holds the scope for.
    pub fn visible<'a>(
        &'a self,
        server: ServerId,
        principal: &'a Principal,
    ) -> impl Iterator<Item = &'a Arc<dyn DynTool>> {
        self.tools(server)
            .filter(move |t| principal.grant.scopes.allow(server, t.spec().access))
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
        self.servers.get(&server).map_or(&[], |m| m.routes)
    }

    /// Calls a tool with JSON arguments: the way of every client.
    pub async fn call_json(
        self: &Arc<Self>,
        tool: &dyn DynTool,
        caller: Caller,
        mut args: Map<String, Value>,
    ) -> Result<Value, ToolError> {
        let project = args.shift_remove(PROJECT_ID);
        let agent = args.shift_remove(AGENT_ID);
        let arguments = self
            .parts
            .audit
            .keeps_arguments()
            .then(|| redact::arguments(&args).to_string());
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
        let done = admitted.guard(tool.run_json(&admitted.ctx, args)).await;
        admitted.settle(done.as_ref().err()).await;
        done
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
        admitted.settle(done.as_ref().err()).await;
        done
    }

    /// Calls a tool from inside another: same principal, project, deadline and cancellation.
    pub(super) async fn call_from<T: Tool>(
        ctx: &Ctx,
        args: T::Args,
    ) -> Result<T::Output, ToolError> {
        let call = ctx.inner();
        let declared = call
            .spec
            .calls
            .iter()
            .find(|d| d.server == T::Server::ID && d.tool == T::NAME);
        let dep = declared.ok_or_else(|| {
            ToolError::internal(format!(
                "{} calls {} without declaring it in CALLS",
                call.spec.server,
                T::NAME
            ))
        })?;
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
                delegated: Some(dep.access),
                parent: Some(Arc::clone(&call.id)),
                request: call.request.clone(),
                cancel: call.cancel.child_token(),
                deadline: Some(call.deadline),
                events: None,
                arguments: None,
            })
            .await?;
        let done = admitted.guard(bound.run(&admitted.ctx, args)).await;
        admitted.settle(done.as_ref().err()).await;
        done
    }

    fn bound<T: Tool>(&self) -> Result<Arc<Bound<T>>, ToolError> {
        self.typed.get(&TypeId::of::<T>()).and_then(|any| Arc::clone(any).downcast().ok()).ok_or_else(|| {
            let server = T::Server::ID;
            ToolError::unavailable(format!(
                "this needs the server {server}, which is disabled: set enabled = true under [servers.{server}] in config.toml"
            ))
        })
    }

    /// Calls that run now.
    pub fn running(&self) -> usize {
        self.parts.running.load(Ordering::Acquire)
    }

    pub(super) fn running_calls(&self) -> &Arc<AtomicUsize> {
        &self.parts.running
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
