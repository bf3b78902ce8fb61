//! The SQL of issues. Every method sees one project: another project's issue is no issue here.

mod claim;
mod create;
mod once;
mod read;
mod tx;
mod update;

pub use claim::{NewClaim, Target};
pub use create::NewIssue;
pub use read::{After, ClaimRow, CommentRow, EventRow, ItemRow};
pub use update::{CommentAdded, NewComment, Update, Updated};

use crate::{
    db::Db,
    servers::issues::model::{Fields, Kind, State},
    tool::ToolError,
};

/// The tracker's tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IssueStore {
    db: Db,
}

impl IssueStore {
    /// The tables in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

/// An issue's row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct IssueRow {
    /// Id of the row.
    pub id: String,
    /// Number within the project.
    pub number: i64,
    title: String,
    body: String,
    #[sqlx(rename = "type")]
    kind: String,
    priority: i64,
    state: String,
    labels: String,
    assignees: String,
    /// How many comments it has.
    pub comments: i64,
    /// Grows with every change.
    pub version: i64,
    /// Who made it.
    pub created_by: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// When it was closed.
    pub closed_ms: Option<i64>,
}

impl IssueRow {
    /// Its fields.
    ///
    /// # Errors
    /// When the row holds a word that this program does not know.
    pub fn fields(&self) -> Result<Fields, ToolError> {
        Ok(Fields {
            title: self.title.clone(),
            body: self.body.clone(),
            kind: Kind::from_word(&self.kind).ok_or_else(|| strange("type", &self.kind))?,
            priority: u8::try_from(self.priority).map_err(ToolError::internal)?,
            state: State::from_word(&self.state).ok_or_else(|| strange("state", &self.state))?,
            labels: list(&self.labels)?,
            assignees: list(&self.assignees)?,
        })
    }
}

/// A stored JSON list.
fn list(json: &str) -> Result<Vec<String>, ToolError> {
    serde_json::from_str(json).map_err(ToolError::internal)
}

fn strange(column: &str, word: &str) -> ToolError {
    ToolError::internal(format!("issue.{column} holds {word:?}"))
}
