//! The one place that spells the directories.

use std::path::{Path, PathBuf};

use super::TreeId;
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
