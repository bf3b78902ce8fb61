//! What has changed in which project, for those who subscribed to it.

use std::{borrow::Cow, sync::Arc};

use tokio::sync::broadcast;

use super::{Address, Outbox, ServerId};
use crate::{
    base::ids::{AgentId, ProjectId},
    project::Scope,
};

/// Changes that a slow subscriber may lag behind; past it, it is told that everything may have changed.
const CAPACITY: usize = 1024;

/// One change, told after it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where; everywhere if left open.
    pub project: Option<ProjectId>,
    /// In whose workspace, where each agent has its own.
    pub agent: Option<AgentId>,
    /// The resource that changed, as its URI has it behind the project, decoded: `issues/12`.
    pub path: String,
    /// Whether all that lies below it may have changed too.
    pub below: bool,
    /// What changed it.
    pub cause: Cause,
}

/// What changed a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Whose resource it is.
    pub server: ServerId,
    /// The tool, or what happened by itself.
    pub action: Cow<'static, str>,
    /// Who called the tool.
    pub agent: Option<AgentId>,
    /// Its call.
    pub call: Option<Arc<str>>,
}

/// What happens by itself, some time after the call that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A workflow run moved on.
    Run,
    /// Documents were taken in.
    Ingest,
    /// Models came or went.
    Models,
}

impl Happened {
    /// All of it.
    pub const ALL: [Self; 3] = [Self::Run, Self::Ingest, Self::Models];

    /// The action's name in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ingest => "ingest",
            Self::Models => "models",
        }
    }
}

impl Cause {
    /// What happened by itself.
    pub fn of(server: ServerId, happened: Happened) -> Self {
        Self {
            server,
            action: happened.as_str().into(),
            agent: None,
            call: None,
        }
    }
}

/// What a subscriber waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    project: String,
    /// Whoever read it.
    reader: String,
    /// Whether it is the reader's own.
    own: bool,
    path: String,
}

impl Target {
    /// The resource at `address`, read by the agent `reader`, of which each agent may have its `own`.
    pub fn new(address: &Address, reader: &str, own: bool) -> Self {
        Self {
            project: address.project.clone(),
            reader: reader.to_owned(),
            own,
            path: address.segments.join("/"),
        }
    }

    /// The project, and the agent that read it.
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope {
            project: ProjectId::new(&self.project).ok()?,
            agent: AgentId::new(&self.reader).ok()?,
        })
    }

    /// Whether `change` concerns it: it changed, or something below it, or something above it with all below.
    pub fn is_hit_by(&self, change: &Change) -> bool {
        let same_agent = !self.own
            || change
                .agent
                .as_ref()
                .is_none_or(|theirs| self.reader == theirs.as_str());
        let same_project = change
            .project
            .as_ref()
            .is_none_or(|theirs| self.project == theirs.as_str());
        same_project
            && same_agent
            && (self.path == change.path
                || is_below(&change.path, &self.path)
                || (change.below && is_below(&self.path, &change.path)))
    }
}

fn is_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|r| r.starts_with('/'))
}

/// Tells subscribers of changes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changes {
    here: broadcast::Sender<Change>,
    outbox: Option<Outbox>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            here: broadcast::Sender::new(CAPACITY),
            outbox: None,
        }
    }
}

impl Changes {
    /// Tells those who listen now, and keeps what is told for those who come later.
    pub fn kept(outbox: Outbox) -> Self {
        Self {
            outbox: Some(outbox),
            ..Self::default()
        }
    }

    /// Tells of a change.
    pub fn tell(&self, change: Change) {
        if let (Some(outbox), Some(project)) = (&self.outbox, &change.project) {
            outbox.put(project, &change);
        }
        self.hear(change);
    }

    /// Passes on a change that is on record. Costs next to nothing while nobody listens.
    pub(super) fn hear(&self, change: Change) {
        // An error says that nobody listens.
        let _heard = self.here.send(change);
    }

    /// The changes from now on.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.here.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(uri: &str, agent: Option<&str>, path: &str, whose: Option<&str>, below: bool) -> bool {
        let target = Target::new(
            &Address::parse(uri).unwrap(),
            agent.unwrap_or("ann"),
            agent.is_some(),
        );
        target.is_hit_by(&Change {
            project: Some(ProjectId::new("p").unwrap()),
            agent: whose.map(|a| AgentId::new(a).unwrap()),
            path: path.to_owned(),
            below,
            cause: Cause::of(ServerId::Issues, Happened::Run),
        })
    }

    #[test]
    fn a_subscriber_hears_of_what_it_reads_and_of_nothing_else() {
        assert!(hit("project://p/issues/1", None, "issues/1", None, false));
        assert!(hit("project://p/issues", None, "issues/1", None, false));
        assert!(!hit("project://p/issues/1", None, "issues/12", None, false));
        assert!(!hit("project://p/issues/1", None, "issues", None, false));
        assert!(!hit("project://q/issues/1", None, "issues/1", None, false));
        let file = "project://p/files/src/a%20b.rs";
        assert!(hit(
            file,
            Some("ann"),
            "files/src/a b.rs",
            Some("ann"),
            false
        ));
        assert!(!hit(
            file,
            Some("ann"),
            "files/src/a b.rs",
            Some("bea"),
            false
        ));
        assert!(hit(file, Some("ann"), "files", Some("ann"), true));

        let models = Address::parse("project://q/llm/models").unwrap();
        assert!(Target::new(&models, "ann", false).is_hit_by(&Change {
            project: None,
            agent: None,
            path: "llm/models".to_owned(),
            below: false,
            cause: Cause::of(ServerId::Issues, Happened::Run),
        }));
    }
}
