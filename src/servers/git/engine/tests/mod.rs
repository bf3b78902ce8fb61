//! The engine on real repositories.

mod changes;
mod fidelity;
mod history;
mod parts;
mod paths;
mod safety;
mod submodules;

use std::path::PathBuf;

use git2::{Oid, Repository};

use super::*;
use crate::base::beneath::{Beneath, RelPath};
use crate::base::ids::{AgentId, ProjectId, RepoName};
use crate::project::workspace::{TreeId, Workspaces};
use commit::{Committed, Wanted, Who};

/// A project in a temporary directory with a repository `main`.
struct Room {
    spaces: Workspaces,
    data: tempfile::TempDir,
}

fn go() -> bool {
    false
}

impl Room {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let spaces = Workspaces::new(data.path());
        let id = Self::id("ann");
        spaces
            .create_repository(&id.project, &id.repo, "main")
            .unwrap();
        let room = Self { spaces, data };
        room.spaces.files(&id).unwrap();
        room
    }

    fn id(agent: &str) -> TreeId {
        TreeId {
            project: ProjectId::new("shop").unwrap(),
            agent: AgentId::new(agent).unwrap(),
            repo: RepoName::new("main").unwrap(),
        }
    }

    fn root(&self, agent: &str) -> PathBuf {
        self.spaces.files(&Self::id(agent)).unwrap();
        self.data
            .path()
            .join(format!("projects/shop/workspaces/{agent}/main"))
    }

    fn repo(&self, agent: &str) -> Repository {
        self.spaces.repository(&Self::id(agent)).unwrap()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let at = self.root("ann").join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
    }

    fn add(&self, paths: &[&str]) -> Result<Vec<String>, Error> {
        let paths: Vec<RelPath> = paths
            .iter()
            .map(|path| RelPath::parse(path).unwrap())
            .collect();
        let files = self.spaces.files(&Self::id("ann")).unwrap();
        Ok(add::add(&self.repo("ann"), &files, &paths, false, &go)?
            .into_iter()
            .collect())
    }

    fn commit(&self, message: &str) -> Result<Committed, Error> {
        self.commit_as(&Wanted {
            message: Some(message.into()),
            ..Wanted::default()
        })
    }

    fn commit_as(&self, wanted: &Wanted) -> Result<Committed, Error> {
        let who = Who {
            name: "ann".into(),
            email: "ann@shop".into(),
            now: 1_000_000,
        };
        commit::commit(&self.repo("ann"), wanted, &who)
    }

    /// Writes, stages everything and commits.
    fn save(&self, path: &str, content: &str) -> Oid {
        self.write(path, content);
        self.add(&["."]).unwrap();
        self.commit(&format!("change {path}\n\nwith a body"))
            .unwrap()
            .id
    }
}

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

fn diff_all(repo: &Repository, sides: &diff::Sides, format: diff::Format) -> Vec<diff::FileDiff> {
    let (found, _) = diff::compare(repo, None, sides, &[], 3, None, &go).unwrap();
    found.page(format, None, 200, &go).unwrap().items
}
