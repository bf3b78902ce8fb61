//! From servers to a registry: mounting, and the checks that everything fits together.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Dep, DynTool, DynWire, Face, Offer, Parts, Registry, ServerId, Spec, Tool, ToolServer, WireSet,
    bound::Bound, deps, project_config::ProjectConfig, running::Running,
};

/// A server, opened, with its tools: it can be put into one registry after another.
#[derive(Clone)]
pub struct Mounted {
    id: ServerId,
    tools: Vec<Entry>,
    pub(super) wires: Vec<Arc<dyn DynWire>>,
    pub(super) offer: Offer,
    /// Reads the project's settings for this server's clients.
    pub(super) config_reader: Arc<dyn DynTool>,
    calls: &'static [Dep],
}

impl Mounted {
    /// `server` with all its tools.
    pub fn new<S: ToolServer>(server: S) -> Self {
        Self::shared(&Arc::new(server))
    }

    /// The same for a server that its owner keeps a hand on.
    pub fn shared<S: ToolServer>(server: &Arc<S>) -> Self {
        Self {
            id: S::ID,
            tools: ToolSet::of().iter().map(|t| (t.bind)(server)).collect(),
            wires: WireSet::bound(server),
            offer: Offer {
                routes: S::ROUTES,
                resources: S::RESOURCES,
                prompts: S::PROMPTS,
                completions: S::COMPLETIONS,
            },
            config_reader: Arc::new(ProjectConfig::new(S::ID)),
            calls: S::CALLS,
        }
    }

    pub(super) fn tools(&self) -> impl Iterator<Item = &Arc<dyn DynTool>> {
        self.tools.iter().map(|entry| &entry.tool)
    }
}

/// A tool bound to its server: for calls with JSON, and for typed ones.
#[derive(Clone)]
struct Entry {
    tool: Arc<dyn DynTool>,
    id: TypeId,
    typed: Arc<dyn Any + Send + Sync>,
}

/// The tools of one server, declared: they are bound once the server is open.
pub struct ToolSet<S>(Vec<Declared<S>>);

struct Declared<S> {
    name: &'static str,
    face: Face,
    bind: fn(&Arc<S>) -> Entry,
}

impl<S: ToolServer> ToolSet<S> {
    fn of() -> Vec<Declared<S>> {
        let mut set = Self(Vec::new());
        S::tools(&mut set);
        set.0
    }

    /// Adds a tool.
    pub fn add<T: Tool<Server = S>>(&mut self) -> &mut Self {
        self.0.push(Declared {
            name: T::NAME,
            face: T::FACE,
            bind: bind::<T>,
        });
        self
    }

    /// The names of the tools that clients may call, whether the server is open or not.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let for_clients = |t: &Declared<S>| t.face == Face::Everywhere;
        Self::of().into_iter().filter(for_clients).map(|t| t.name)
    }
}

fn bind<T: Tool>(server: &Arc<T::Server>) -> Entry {
    let bound = Arc::new(Bound::<T> {
        server: Arc::clone(server),
        spec: Arc::new(Spec::of::<T>()),
    });
    Entry {
        tool: bound.clone(),
        id: TypeId::of::<T>(),
        typed: bound,
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
    disabled: HashSet<String>,
    twice: Option<ServerId>,
}

impl Builder {
    /// Mounts a server with all its tools.
    #[must_use]
    pub fn mount<S: ToolServer>(self, server: S) -> Self {
        self.with(Mounted::new(server))
    }

    /// Adds a server that was mounted before.
    #[must_use]
    pub fn with(mut self, mounted: Mounted) -> Self {
        let id = mounted.id;
        if self.servers.insert(id, mounted).is_some() {
            self.twice = Some(id);
        }
        self
    }

    /// Leaves these tools out: neither clients nor other servers reach them.
    #[must_use]
    pub fn disable(mut self, tools: &[String]) -> Self {
        self.disabled.extend(tools.iter().cloned());
        self
    }

    /// Checks that everything fits together.
    pub fn build(self, parts: Parts) -> Result<Arc<Registry>, BadRegistry> {
        self.assemble(Arc::new(parts), Arc::default())
    }

    /// The same over the parts of `before`, in whose place the new registry comes. Calls that run there go on, and count
    /// as running here.
    pub fn succeed(self, before: &Registry) -> Result<Arc<Registry>, BadRegistry> {
        self.assemble(Arc::clone(&before.parts), Arc::clone(&before.running))
    }

    fn assemble(
        mut self,
        parts: Arc<Parts>,
        running: Arc<Running>,
    ) -> Result<Arc<Registry>, BadRegistry> {
        self.check()?;
        let disabled = self.disabled;
        for mounted in self.servers.values_mut() {
            let is_on = |entry: &Entry| !disabled.contains(entry.tool.spec().name);
            mounted.tools.retain(is_on);
            mounted
                .wires
                .retain(|wire| !disabled.contains(wire.spec().name));
        }
        let tools = || self.servers.values().flat_map(|m| &m.tools);
        let registry = Arc::new(Registry {
            by_name: tools()
                .map(|e| (e.tool.spec().name, Arc::clone(&e.tool)))
                .collect(),
            typed: tools().map(|e| (e.id, Arc::clone(&e.typed))).collect(),
            servers: self.servers,
            parts,
            running,
        });
        registry.parts.upkeep.follow(&registry);
        Ok(registry)
    }

    fn check(&self) -> Result<(), BadRegistry> {
        if let Some(server) = self.twice {
            return Err(BadRegistry::Twice(server));
        }
        let mut server_of: HashMap<&'static str, ServerId> = HashMap::new();
        for tool in self.servers.values().flat_map(Mounted::tools) {
            let spec = tool.spec();
            if server_of.insert(spec.name, spec.server).is_some() {
                return Err(BadRegistry::Duplicate(spec.name));
            }
        }
        let has = |server: ServerId, tool: &str| server_of.get(tool) == Some(&server);
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
        match deps::circle(&calls) {
            Some(circle) => Err(BadRegistry::Circle(circle)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        servers::issues::{
            Config, Issues,
            tools::list_issues::{Args, ListIssues},
        },
        test,
    };

    #[tokio::test]
    async fn a_disabled_tool_is_gone_and_a_successor_has_it_again() {
        let mut mounted = None;
        let team = test::team(async |builder, host| {
            let server = Issues::open(Config::default(), host).await.unwrap();
            let issues = Mounted::new(server);
            mounted = Some(issues.clone());
            builder.with(issues).disable(&["list_issues".into()])
        })
        .await;
        let args = || serde_json::from_value::<Args>(serde_json::json!({})).unwrap();
        assert!(team.registry.find_any("list_issues").is_none());
        assert!(team.registry.find_any("create_issue").is_some());
        let refused = team.call::<ListIssues>(args()).await.unwrap_err();
        assert!(refused.message.contains("disabled_tools"), "{refused}");

        let next = Registry::builder()
            .with(mounted.unwrap())
            .succeed(&team.registry)
            .unwrap();
        assert!(next.find_any("list_issues").is_some());
        let running = team.registry.running().start(ServerId::Issues);
        assert_eq!(next.running().on(ServerId::Issues), 1);
        drop(running);
        let mut team = team;
        team.registry = next;
        assert!(team.call::<ListIssues>(args()).await.is_ok());
    }

    #[test]
    fn names_are_known_without_a_server() {
        let names: Vec<_> = ToolSet::<Issues>::names().collect();
        assert!(names.contains(&"create_issue"), "{names:?}");
    }
}
