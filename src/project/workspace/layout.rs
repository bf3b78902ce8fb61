//! The one place that spells the directories.

use std::path::{Path, PathBuf};

use super::{Shelf, TreeId};
use crate::base::ids::{AgentId, ProjectId, RepoName};

fn project(data: &Path, project: &ProjectId) -> PathBuf {
    data.join("projects").join(project.as_str())
}

pub(super) fn repos(data: &Path, of: &ProjectId) -> PathBuf {
    project(data, of).join("repos")
}

pub(super) fn bare(data: &Path, of: &ProjectId, repo: &RepoName) -> PathBuf {
    repos(data, of).join(format!("{repo}.git"))
}

/// Where a new repository is prepared. No [`RepoName`] starts with a dot.
pub(super) fn staged_bare(data: &Path, of: &ProjectId, repo: &RepoName) -> PathBuf {
    repos(data, of).join(format!(".new-{repo}.git"))
}

/// HEAD, index and logs of an agent's tree.
pub(super) fn admin(bare: &Path, agent: &AgentId) -> PathBuf {
    bare.join("worktrees").join(agent.as_str())
}

pub(super) fn tree(data: &Path, tree: &TreeId) -> PathBuf {
    project(data, &tree.project)
        .join("workspaces")
        .join(tree.agent.as_str())
        .join(tree.repo.as_str())
}

/// What an admin directory's `gitdir` file says: the tree's (absent) `.git`, relative, so that the data directory can move.
pub(super) fn gitdir_entry(tree: &TreeId) -> String {
    format!("../../../../workspaces/{}/{}/.git\n", tree.agent, tree.repo)
}

/// `None` when `run` is not `[a-z0-9_]{1,64}`.
pub(super) fn run(data: &Path, of: &ProjectId, run: &str) -> Option<PathBuf> {
    let fits = (1..=64).contains(&run.len())
        && run
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    fits.then(|| project(data, of).join("runs").join(run))
}

pub(super) fn aside(data: &Path, tree: &TreeId, shelf: Shelf) -> PathBuf {
    project(data, &tree.project)
        .join(shelf.name())
        .join(tree.agent.as_str())
        .join(tree.repo.as_str())
}

/// The directories of a project that count to its quota.
pub(super) fn counted(data: &Path, of: &ProjectId) -> Vec<PathBuf> {
    ["workspaces", "trash", "snapshots"]
        .iter()
        .map(|name| project(data, of).join(name))
        .collect()
}

/// The trees for which [`aside`] is there.
pub(super) fn trees_with(data: &Path, shelf: Shelf) -> Vec<TreeId> {
    let mut trees = Vec::new();
    for project in names(&data.join("projects")) {
        let shelf = data.join("projects").join(&project).join(shelf.name());
        for agent in names(&shelf) {
            for repo in names(&shelf.join(&agent)) {
                let tree = (
                    ProjectId::new(&project),
                    AgentId::new(&agent),
                    RepoName::new(&repo),
                );
                if let (Ok(project), Ok(agent), Ok(repo)) = tree {
                    trees.push(TreeId {
                        project,
                        agent,
                        repo,
                    });
                }
            }
        }
    }
    trees
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
