//! The SQL of pull requests, branch rules and checks. Every method sees one repository of one project.

mod pulls;
mod remotes;
mod reviews;
mod rules;
mod signing;
mod statuses;

pub use pulls::{Close, NewPull, Patch, PullFilter, PullRow};
pub use remotes::{CredentialRow, RemoteRow};
pub use reviews::{CommentRow, NewReview, Remark, ReviewRow};
pub use signing::SigningKeyRow;
pub use statuses::StatusRow;

use crate::{
    base::ids::{ProjectId, RepoName},
    db::Db,
    project::workspace::TreeId,
    tool::ToolError,
};

/// A repository of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoKey {
    /// The project.
    pub project: ProjectId,
    /// The repository.
    pub repo: RepoName,
}

impl RepoKey {
    /// The repository of an agent's tree.
    pub fn of(tree: &TreeId) -> Self {
        Self {
            project: tree.project.clone(),
            repo: tree.repo.clone(),
        }
    }
}

/// The tables in a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GitStore {
    db: Db,
}

impl GitStore {
    /// The tables in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

fn strange(column: &str, word: &str) -> ToolError {
    ToolError::internal(format!("{column} holds {word:?}"))
}
