//! From servers to a registry: mounting, and the checks that everything fits together.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Dep, DynTool, Offer, Parts, Registry, ServerId, Spec, Tool, ToolServer, bound::Bound, deps,
    project_config::ProjectConfig,
};

/// A server in the registry.
pub struct Mounted {
    pub tools: Vec<Arc<dyn DynTool>>,
    pub offer: Offer,
    /// Reads the project's settings for this server's clients.
    pub config_reader: Arc<dyn DynTool>,
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
    /// A route, resource or completion that stands on a tool that its server does not have.
    #[error("{0} leads to no tool of {1}")]
    Offer(&'static str, ServerId),
    /// A declared call to a tool that its server, which is enabled, does not have.
    #[error("{0} may call {1}, which is no tool of {2}")]
    Dep(ServerId, &'static str, ServerId),
    /// Servers that call each other in a circle.
    #[error("servers call each other in a circle: {0:?}")]
    Circle(Vec<ServerId>),
}

/// Collects servers.
#[derive(Default)]
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
            offer: Offer {
                routes: S::ROUTES,
                resources: S::RESOURCES,
                prompts: S::PROMPTS,
                completions: S::COMPLETIONS,
            },
            config_reader: Arc::new(ProjectConfig::new(S::ID)),
            calls: S::CALLS,
        };
        if self.servers.insert(S::ID, mounted).is_some() {
            self.twice = Some(S::ID);
        }
        self.typed.extend(set.typed);
        self
    }

    /// Checks that everything fits together.
    pub fn build(self, parts: Parts) -> Result<Arc<Registry>, BadRegistry> {
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
            if let Some((what, _)) = mounted.offer.tools().find(|(_, tool)| !has(id, tool)) {
                return Err(BadRegistry::Offer(what, id));
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
        Ok(Arc::new(Registry {
            servers: self.servers,
            by_name,
            typed: self.typed,
            parts,
            running: Arc::default(),
        }))
    }
}
