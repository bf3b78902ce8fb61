//! The trees that a repository has: who works where.

use std::io::ErrorKind;
use std::path::Path;

use super::repository::sync_directory;
use super::{Error, Shelf, TreeId, Workspaces, layout};
use crate::base::ids::{AgentId, ProjectId, RepoName};

/// One agent's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    pub agent: AgentId,
    /// What its HEAD says: a branch's whole name, or a commit's id.
    pub head: String,
    /// Whether its files are there.
    pub present: bool,
}

impl Workspaces {
    /// The trees of a repository, by agent.
    pub fn worktrees(&self, project: &ProjectId, repo: &RepoName) -> Result<Vec<Worktree>, Error> {
        let bare = layout::bare(&self.0.data, project, repo);
        if !bare.is_dir() {
            return Err(Error::NoRepository);
        }
        let listing = match std::fs::read_dir(bare.join("worktrees")) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing?,
        };
        let mut trees = Vec::new();
        for entry in listing {
            let entry = entry?;
            let Some(agent) = entry
                .file_name()
                .to_str()
                .and_then(|name| AgentId::new(name).ok())
            else {
                continue;
            };
            // One that is being made has none yet.
            let Ok(head) = std::fs::read_to_string(entry.path().join("HEAD")) else {
                continue;
            };
            let head = head.trim_end();
            let id = TreeId {
                project: project.clone(),
                agent,
                repo: repo.clone(),
            };
            trees.push(Worktree {
                head: head.strip_prefix("ref: ").unwrap_or(head).to_owned(),
                present: layout::tree(&self.0.data, &id).is_dir(),
                agent: id.agent,
            });
        }
        trees.sort_by(|a, b| a.agent.cmp(&b.agent));
        Ok(trees)
    }

    /// Removes the agent's tree: its files, HEAD and index. Branches stay. The next use makes it anew. The caller holds
    /// the tree's lock.
    pub fn remove_worktree(&self, tree: &TreeId) -> Result<(), Error> {
        let bare = layout::bare(&self.0.data, &tree.project, &tree.repo);
        if !bare.is_dir() {
            return Err(Error::NoRepository);
        }
        let _short = self.lock_repository(&tree.project, &tree.repo);
        // The admin directory first: without it the files are nobody's and are adopted by the next use.
        remove(&layout::admin(&bare, &tree.agent))?;
        remove(&layout::aside(&self.0.data, tree, Shelf::Submodules))?;
        remove(&layout::tree(&self.0.data, tree))
    }
}

fn remove(directory: &Path) -> Result<(), Error> {
    let Some(above) = directory.parent() else {
        return Ok(());
    };
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => sync_directory(above),
    }
}
