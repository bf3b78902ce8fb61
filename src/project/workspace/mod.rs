//! Where the files of a project are: one module maps (project, agent, repository) to directories for every server.
//!
//! ```text
//! <data>/projects/<project>/repos/<repo>.git               bare, server-only
//! <data>/projects/<project>/repos/<repo>.git/worktrees/<agent>   HEAD and index of that agent's tree
//! <data>/projects/<project>/workspaces/<agent>/<repo>/     the agent's files, nothing else
//! <data>/projects/<project>/{trash,snapshots,staging,submodules}/<agent>/<repo>/   the hub's own, beside that agent's tree
//! <data>/projects/<project>/runs/<run>/work                trees exported for runs
//! ```
//!
//! No git directory, and no `.git` file that points to one, lies below a workspace: config and hooks are out of reach of
//! whatever writes there, and a planted `.git` is never consulted, because repositories are opened by this layout alone.

mod aside;
mod layout;
mod leftovers;
mod locks;
pub mod modules;
mod pipes;
mod repository;
mod settings;
pub mod sparse;
mod trees;
mod walk;
mod whole;
mod worktree;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::beneath::{self, Beneath, RelPath};
use crate::base::clock::Millis;
use crate::base::ids::{AgentId, BadName, ProjectId, RepoName};
use crate::project::Scope;

pub use aside::{Aside, Shelf};
pub use locks::{RepositoryGuard, TreeGuard};
pub use repository::{Created, default_branch};
pub use trees::Worktree;
pub use walk::{Step, Visit, WalkOptions, walk};
pub use whole::{Family, Still};
pub use worktree::{Filler, agent_branch, branch_holder, branch_holders};

/// The repository a call means when it names none.
pub const DEFAULT_REPO: &str = "main";
/// The branch that a new repository starts with when the caller names none.
pub const DEFAULT_BRANCH: &str = "main";

/// Why a workspace or a repository could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the repository does not exist")]
    NoRepository,
    #[error("not a name for a branch: {0:?}")]
    BadBranch(String),
    #[error("not a run id: use 1 to 64 characters of a-z, 0-9 and `_`")]
    BadRun,
    #[error(transparent)]
    Files(#[from] beneath::Error),
    #[error(transparent)]
    Git(#[from] git2::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One agent's tree of one repository. `repo` defaults to [`DEFAULT_REPO`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TreeId {
    pub project: ProjectId,
    pub agent: AgentId,
    pub repo: RepoName,
}

impl TreeId {
    /// The tree of `scope`'s agent in `repo`.
    pub fn new(scope: &Scope, repo: Option<RepoName>) -> Result<Self, BadName> {
        let repo = repo.map_or_else(|| RepoName::new(DEFAULT_REPO), Ok)?;
        Ok(Self {
            project: scope.project.clone(),
            agent: scope.agent.clone(),
            repo,
        })
    }
}

/// The workspaces of this process, cheap to clone. Everything but [`Workspaces::lock_tree`] blocks on the disk.
#[derive(Debug, Clone)]
pub struct Workspaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    data: PathBuf,
    locks: locks::Locks,
}

impl Workspaces {
    /// Workspaces below the data directory `data`, which must exist and be absolute or stay valid for the process.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            data: data.into(),
            locks: locks::Locks::default(),
        }))
    }

    /// Removes what writes of a dead hub left behind, if it was last changed before `before`. Walks all workspaces: blocks.
    pub fn sweep(&self, before: Millis) -> usize {
        leftovers::sweep(&self.0.data, before)
    }

    /// Breaks git's locks that a dead hub took before `before`: they would keep everybody out for ever. Blocks.
    pub fn break_locks(&self, before: Millis) -> usize {
        leftovers::break_locks(&self.0.data, before)
    }

    /// The agent's files, made on first use: checked out from the default branch when the repository exists, an empty
    /// directory before that.
    pub fn files(&self, tree: &TreeId) -> Result<Beneath, Error> {
        let path = layout::tree(&self.0.data, tree);
        if !path.is_dir() {
            std::fs::create_dir_all(&path)?;
        }
        self.ensure(tree, None)?;
        Ok(Beneath::open(&path)?)
    }

    /// Ends the wait of all who opened a named pipe among the files of `tree` as if it were a file; says which. Blocks.
    pub fn release_pipes(&self, tree: &TreeId) -> io::Result<Option<String>> {
        pipes::release(&layout::tree(&self.0.data, tree))
    }

    /// Waits for the right to change the files of `tree`. Held across one tool call; readers do not take it.
    pub async fn lock_tree(&self, tree: &TreeId) -> TreeGuard {
        self.0.locks.tree(layout::tree(&self.0.data, tree)).await
    }

    /// Waits for the right to fetch into the store of the submodule at `path`. Keeps nobody else from anything.
    pub async fn lock_submodule(&self, tree: &TreeId, path: &RelPath) -> TreeGuard {
        let bare = layout::bare(&self.0.data, &tree.project, &tree.repo);
        self.0.locks.tree(modules::store_in(&bare, path)).await
    }

    /// The right to change `tree`, if nobody else has it.
    pub fn try_lock_tree(&self, tree: &TreeId) -> Option<TreeGuard> {
        self.0.locks.try_tree(layout::tree(&self.0.data, tree))
    }

    /// Waits for the right to change refs of a repository. Taken inside a tree's lock, held only for the change itself.
    pub fn lock_repository(&self, project: &ProjectId, repo: &RepoName) -> RepositoryGuard {
        self.0
            .locks
            .repository(layout::bare(&self.0.data, project, repo))
    }

    /// Makes `<data>/projects/<project>/runs/<run>/work` afresh, empty, and returns its path. `run` is `[a-z0-9_]{1,64}`.
    pub fn fresh_run(&self, project: &ProjectId, run: &str) -> Result<PathBuf, Error> {
        let work = layout::run(&self.0.data, project, run)
            .ok_or(Error::BadRun)?
            .join("work");
        match std::fs::remove_dir_all(&work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        std::fs::create_dir_all(&work)?;
        Ok(work)
    }

    /// Names of the project's repositories, sorted.
    pub fn repositories(&self, project: &ProjectId) -> Result<Vec<RepoName>, Error> {
        let listing = match std::fs::read_dir(layout::repos(&self.0.data, project)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing?,
        };
        let mut names = Vec::new();
        for entry in listing {
            let name = entry?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".git"));
            names.extend(name.and_then(|name| RepoName::new(name).ok()));
        }
        names.sort();
        Ok(names)
    }
}
