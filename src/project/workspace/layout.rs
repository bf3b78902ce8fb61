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
    ["workspaces", "trash", "snapshots", "submodules"]
        .iter()
        .map(|name| project(data, of).join(name))
        .collect()
}

/// The projects that have files.
pub(super) fn projects(data: &Path) -> Vec<ProjectId> {
    let names = names(&data.join("projects")).into_iter();
    names.filter_map(|name| ProjectId::new(name).ok()).collect()
}

/// The trees for which [`aside`] is there.
pub(super) fn trees_with(data: &Path, shelf: Shelf) -> Vec<TreeId> {
    trees_below(data, shelf.name())
}

/// The trees that have files, of their own or aside.
pub(super) fn trees(data: &Path) -> Vec<TreeId> {
    let shelves = Shelf::ALL.map(Shelf::name);
    let folders = shelves.into_iter().chain(["workspaces"]);
    folders
        .flat_map(|folder| trees_below(data, folder))
        .collect()
}

fn trees_below(data: &Path, folder: &str) -> Vec<TreeId> {
    let mut trees = Vec::new();
    for of in projects(data) {
        let folder = project(data, &of).join(folder);
        for agent in names(&folder) {
            for repo in names(&folder.join(&agent)) {
                if let (Ok(agent), Ok(repo)) = (AgentId::new(&agent), RepoName::new(&repo)) {
                    trees.push(TreeId {
                        project: of.clone(),
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
