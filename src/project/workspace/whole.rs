//! All that belongs together: a repository and the trees that agents have of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{RepositoryGuard, Shelf, TreeGuard, TreeId, Workspaces, layout};
use crate::base::ids::{AgentId, ProjectId, RepoName};

/// A repository, if it is there, with every tree of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    pub project: ProjectId,
    pub repo: RepoName,
    pub agents: BTreeSet<AgentId>,
}

/// Keeps everybody from changing a family's files and refs.
#[derive(Debug)]
pub struct Still {
    _trees: Vec<TreeGuard>,
    _repository: RepositoryGuard,
}

impl Family {
    /// The directories of its trees, and those beside them, below the data directory.
    pub fn trees(&self) -> Vec<PathBuf> {
        let data = Path::new("");
        let shelves = [Shelf::Trash, Shelf::Snapshots, Shelf::Staging];
        let of = |tree: TreeId| {
            let aside = shelves.map(|shelf| layout::aside(data, &tree, shelf));
            aside.into_iter().chain([layout::tree(data, &tree)])
        };
        self.ids().flat_map(of).collect()
    }

    /// The repository's directory below the data directory.
    pub fn bare(&self) -> PathBuf {
        layout::bare(Path::new(""), &self.project, &self.repo)
    }

    fn ids(&self) -> impl Iterator<Item = TreeId> {
        self.agents.iter().map(|agent| TreeId {
            project: self.project.clone(),
            agent: agent.clone(),
            repo: self.repo.clone(),
        })
    }
}

impl Workspaces {
    /// Every family that is there now. Walks the data directory's upper levels.
    pub fn families(&self) -> Vec<Family> {
        let mut found: BTreeMap<(ProjectId, RepoName), BTreeSet<AgentId>> = BTreeMap::new();
        for project in layout::projects(&self.0.data) {
            for repo in self.repositories(&project).unwrap_or_default() {
                let trees = self.worktrees(&project, &repo).unwrap_or_default();
                let agents = trees.into_iter().map(|tree| tree.agent);
                found
                    .entry((project.clone(), repo))
                    .or_default()
                    .extend(agents);
            }
        }
        for tree in layout::trees(&self.0.data) {
            found
                .entry((tree.project, tree.repo))
                .or_default()
                .insert(tree.agent);
        }
        found
            .into_iter()
            .map(|((project, repo), agents)| Family {
                project,
                repo,
                agents,
            })
            .collect()
    }

    /// Waits for the right to change any of `family`, trees before the repository, as everybody takes them. Blocks.
    pub fn still(&self, family: &Family) -> Still {
        let path = |tree| layout::tree(&self.0.data, &tree);
        let trees = family.ids().map(path);
        Still {
            _trees: trees.map(|tree| self.0.locks.tree_blocking(tree)).collect(),
            _repository: self.lock_repository(&family.project, &family.repo),
        }
    }
}
