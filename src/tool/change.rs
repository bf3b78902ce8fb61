//! What has changed in which project, for those who subscribed to it.

use tokio::sync::broadcast;

use super::Address;
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
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

impl Changes {
    /// Tells of a change. Costs next to nothing while nobody listens.
    pub fn tell(&self, change: Change) {
        // An error says that nobody listens.
        let _heard = self.0.send(change);
    }

    /// The changes from now on.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
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
        }));
    }
}
