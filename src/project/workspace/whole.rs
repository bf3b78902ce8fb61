//! All that belongs together: a repository and the trees that agents have of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{RepositoryGuard, Shelf, TreeGuard, TreeId, Workspaces, layout};
use crate::base::ids::{AgentId, ProjectId, RepoName};

/// How often all trees of a family are tried together before they are waited for one by one.
const PATIENT: usize = 50;

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
        let of = |tree: TreeId| {
            let aside = Shelf::ALL.map(|shelf| layout::aside(data, &tree, shelf));
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
        let paths: Vec<PathBuf> = family
            .ids()
            .map(|tree| layout::tree(&self.0.data, &tree))
            .collect();
        let locks = &self.0.locks;
        let mut trees = None;
        for _ in 0..PATIENT {
            let taken: Result<Vec<_>, _> = paths
                .iter()
                .map(|path| locks.try_tree(path.clone()).ok_or(path))
                .collect();
            match taken {
                Ok(all) => {
                    trees = Some(all);
                    break;
                }
                // A clone may hold one tree for minutes: who works in another does not wait for it too.
                Err(busy) => drop(locks.tree_blocking(busy.clone())),
            }
        }
        let all = || paths.into_iter().map(|path| locks.tree_blocking(path));
        Still {
            _trees: trees.unwrap_or_else(|| all().collect()),
            _repository: self.lock_repository(&family.project, &family.repo),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_one_tree_keeps_nobody_out_of_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::new(dir.path());
        let project = ProjectId::new("p").unwrap();
        let repo = RepoName::new("main").unwrap();
        let agents = ["ann", "bea"].map(|name| AgentId::new(name).unwrap());
        let [ann, bea] = agents.clone().map(|agent| TreeId {
            project: project.clone(),
            agent,
            repo: repo.clone(),
        });
        for tree in [&ann, &bea] {
            std::fs::create_dir_all(layout::tree(dir.path(), tree)).unwrap();
        }
        let family = Family {
            project,
            repo,
            agents: agents.into_iter().collect(),
        };
        assert_eq!(workspaces.families(), std::slice::from_ref(&family));
        let held = workspaces.lock_tree(&bea).await;
        let (told, still) = mpsc::channel();
        let (waiting, own) = (workspaces.clone(), family.clone());
        std::thread::spawn(move || told.send(waiting.still(&own)).unwrap());
        // However often ann comes, she is let in while bea's tree is held.
        for _ in 0..20 {
            let entered = tokio::time::timeout(Duration::from_secs(5), workspaces.lock_tree(&ann));
            drop(entered.await.unwrap());
        }
        assert!(still.try_recv().is_err());
        drop(held);
        let still = still.recv_timeout(Duration::from_secs(5)).unwrap();
        let path = || layout::tree(dir.path(), &ann);
        assert!(
            workspaces.0.locks.try_tree(path()).is_none(),
            "all of it stands still"
        );
        drop(still);
        assert!(workspaces.0.locks.try_tree(path()).is_some());
    }
}
