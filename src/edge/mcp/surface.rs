//! What MCP clients see of the hub: worked out once for each configuration, replaced as a whole when it changes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use rmcp::model::{Tool, ToolAnnotations};
use tokio::sync::watch;

use super::{light::Shown, tasks::Tasks};

use crate::{
    access::Access,
    tool::{DynTool, Reach, Registry, Spec},
};

/// A tool as clients see it: with the scope arguments, and without them for callers that need not name any.
pub struct Listed {
    pub full: Tool,
    pub pinned: Tool,
}

/// The registry and its listings.
pub struct View {
    pub registry: Arc<Registry>,
    listed: HashMap<&'static str, Listed>,
}

impl View {
    fn new(registry: Arc<Registry>) -> Self {
        let listed = registry
            .servers()
            .flat_map(|server| registry.tools(server))
            .map(|tool| {
                let spec = tool.spec();
                let full = listing(spec);
                let mut pinned = full.clone();
                pinned.input_schema = Arc::clone(&spec.input_pinned);
                (spec.name, Listed { full, pinned })
            })
            .collect();
        Self { registry, listed }
    }

    /// The tool `name`, if clients may call it and `reach` shows it.
    pub fn tool(&self, name: &str, reach: &Reach) -> Option<Arc<dyn DynTool>> {
        self.registry
            .find_any(name)
            .filter(|tool| reach.shows(tool.spec()))
            .cloned()
    }

    /// The tools that are `shown`, in a fixed order.
    pub fn tools(&self, shown: &Shown<'_>) -> Vec<Tool> {
        let listed = shown.specs().filter_map(|spec| self.listed(spec.name));
        listed
            .map(|listed| {
                if shown.pinned {
                    listed.pinned.clone()
                } else {
                    listed.full.clone()
                }
            })
            .collect()
    }

    /// The tool `name`, as clients see it.
    pub fn listed(&self, name: &str) -> Option<&Listed> {
        self.listed.get(name)
    }
}

fn listing(spec: &Spec) -> Tool {
    let mut tool = Tool::new(spec.name, spec.about, Arc::clone(&spec.input));
    tool.title = Some(spec.title.clone());
    tool.output_schema = Some(Arc::clone(&spec.output));
    tool.annotations = Some(
        ToolAnnotations::with_title(spec.title.clone())
            .read_only(spec.access == Access::Read)
            .destructive(spec.hints.destructive)
            .idempotent(spec.hints.idempotent)
            .open_world(spec.hints.open_world),
    );
    tool
}

/// The current [`View`], shared by all sessions.
pub struct Surface {
    view: RwLock<Arc<View>>,
    /// Counts replacements, so that sessions can tell their clients.
    generation: watch::Sender<u64>,
    tasks: Tasks,
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface").finish_non_exhaustive()
    }
}

impl Surface {
    /// A surface over `registry`.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self {
            view: RwLock::new(Arc::new(View::new(registry))),
            generation: watch::Sender::new(0),
            tasks: Tasks::default(),
        }
    }

    /// What clients see now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows `registry` from now on. Calls that run go on with what they were admitted by.
    pub fn replace(&self, registry: Arc<Registry>) {
        let view = Arc::new(View::new(registry));
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        self.generation.send_modify(|n| *n += 1);
    }

    /// The calls that run on as tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Changes with every replacement.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}
