//! Changes of an issue and its comments, each with its history in one transaction.

use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::{
    base::{clock::Millis, ids::new_id},
    db::Tx,
    on_tx,
    project::Scope,
    servers::issues::{
        engine::{
            change::{self, Change},
            token,
        },
        model::{Fields, Once, Patch, State},
        store::{
            IssueRow, IssueStore,
            create::{set_assignees, set_labels},
            once,
            tx::{Author, lock, no_issue, record},
        },
    },
    tool::ToolError,
};

/// A change to make.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// The issue.
    pub number: i64,
    /// Refuse if the issue has another version.
    pub expected_version: Option<i64>,
    /// Refuse unless this claim is live.
    pub claim_token: Option<String>,
    /// What to change.
    pub patch: Patch,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The issue's version now.
    pub version: i64,
    /// Names of the fields that changed; empty when all was so already.
    pub changed: Vec<&'static str>,
    /// The fields now.
    pub fields: Fields,
}

/// A comment to add.
#[derive(Debug, Clone)]
pub struct NewComment {
    /// The issue.
    pub number: i64,
    /// Markdown.
    pub body: String,
    /// The comment it answers.
    pub reply_to: Option<String>,
    /// Refuse unless this claim is live.
    pub claim_token: Option<String>,
    /// Makes a repeated call answer again.
    pub once: Option<Once>,
}

/// A comment that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentAdded {
    /// Its id.
    pub comment_id: String,
    /// The issue's version with it.
    pub version: i64,
}

const COMMENT_TOOL: &str = "add_issue_comment";

impl IssueStore {
    /// Changes an issue. A change that changes nothing leaves version and history alone.
    pub async fn update(
        &self,
        scope: &Scope,
        change: Update,
        now: Millis,
    ) -> Result<Updated, ToolError> {
        let scope = scope.clone();
        self.db
            .write(move |mut tx| {
                Box::pin(async move { update(&mut tx, &scope, change, now).await })
            })
            .await
    }

    /// Adds a comment.
    pub async fn comment(
        &self,
        scope: &Scope,
        new: NewComment,
        now: Millis,
    ) -> Result<CommentAdded, ToolError> {
        let scope = scope.clone();
        self.db
            .write(move |mut tx| Box::pin(async move { comment(&mut tx, &scope, new, now).await }))
            .await
    }
}

async fn update(
    tx: &mut Tx<'_>,
    scope: &Scope,
    change: Update,
    now: Millis,
) -> Result<Updated, ToolError> {
    let project = scope.project.as_str();
    let row = lock(tx, project, change.number)
        .await?
        .ok_or_else(|| no_issue(change.number))?;
    let old = row.fields()?;
    if let Some(expected) = change
        .expected_version
        .filter(|&version| version != row.version)
    {
        return Err(stale(&row, &old, expected));
    }
    check_claim(tx, &row, change.claim_token.as_deref(), now).await?;
    let new = change::apply(&old, change.patch);
    let mut changes = change::diff(&old, &new);
    if changes.is_empty() {
        return Ok(Updated {
            version: row.version,
            changed: Vec::new(),
            fields: old,
        });
    }
    let changed = changes.iter().map(|change| change.field).collect();
    // A lease is for the work in progress: it ends with it.
    if old.state != new.state && new.state != State::InProgress {
        changes.extend(end_claim(tx, &row.id, now).await?);
    }
    let version = row.version + 1;
    let closed = new.state.is_closed().then(|| row.closed_ms.unwrap_or(now));
    let sql = "update issue set title = $2, body = $3, type = $4, priority = $5, state = $6, labels = $7, \
               assignees = $8, version = $9, updated_ms = $10, closed_ms = $11 where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(&row.id).bind(&new.title).bind(&new.body).bind(new.kind.as_str())
        .bind(i64::from(new.priority)).bind(new.state.as_str()).bind(change::json(&new.labels))
        .bind(change::json(&new.assignees)).bind(version).bind(now).bind(closed)
        .execute(&mut **c).await.map(|_| ()))?;
    set_labels(tx, project, &row.id, &old.labels, &new.labels).await?;
    set_assignees(tx, project, &row.id, &old.assignees, &new.assignees).await?;
    record(tx, &Author { scope, now }, (&row.id, row.number), &changes).await?;
    Ok(Updated {
        version,
        changed,
        fields: new,
    })
}

/// The answer to a wrong `expected_version`: with the issue as it is, so that the caller can decide without reading again.
fn stale(row: &IssueRow, fields: &Fields, expected: i64) -> ToolError {
    let mut current = json!(fields);
    if let Some(current) = current.as_object_mut() {
        // A body may be large: the caller that needs it reads the issue.
        let long = fields.body.chars().count() > 2_000;
        if long {
            current.remove("body");
        }
        current.insert("version".into(), row.version.into());
    }
    ToolError::precondition_failed(format!(
        "issue {} is at version {}, not {expected}",
        row.number, row.version
    ))
    .hint("details.current has its fields: decide again and send its version")
    .details(json!({ "current": current }))
}

/// Fences off a claimant whose lease has ended.
async fn check_claim(
    tx: &mut Tx<'_>,
    row: &IssueRow,
    claim_token: Option<&str>,
    now: Millis,
) -> Result<(), ToolError> {
    let Some(claim_token) = claim_token else {
        return Ok(());
    };
    let sql = "select token_hash from issue_claim where issue_id = $1 and expires_ms > $2";
    let live: Option<String> = on_tx!(*tx, c => sqlx::query_scalar(sql).bind(&row.id).bind(now)
        .fetch_optional(&mut **c).await)?;
    let hash = token::hash(claim_token);
    if live.is_some_and(|live| live.as_bytes().ct_eq(hash.as_bytes()).into()) {
        return Ok(());
    }
    Err(
        ToolError::conflict(format!("this claim of issue {} has ended", row.number))
            .hint("claim_issue it again before you go on; nothing was changed"),
    )
}

/// Ends a claim that is held, be it live or abandoned; says so for the history.
async fn end_claim(tx: &mut Tx<'_>, issue: &str, now: Millis) -> Result<Option<Change>, ToolError> {
    let sql = "update issue_claim set held = false, expires_ms = case when expires_ms < $2 then expires_ms else $2 end \
               where issue_id = $1 and held returning agent_id";
    let holder: Option<String> = on_tx!(*tx, c => sqlx::query_scalar(sql).bind(issue).bind(now).fetch_optional(&mut **c).await)?;
    Ok(holder.map(|agent| Change {
        field: "claim",
        old: Some(agent),
        new: None,
    }))
}

async fn comment(
    tx: &mut Tx<'_>,
    scope: &Scope,
    new: NewComment,
    now: Millis,
) -> Result<CommentAdded, ToolError> {
    let once = new.once.as_ref();
    if let Some(answer) = once::begin(tx, scope, COMMENT_TOOL, once, now).await? {
        return serde_json::from_str(&answer).map_err(ToolError::internal);
    }
    let project = scope.project.as_str();
    let row = lock(tx, project, new.number)
        .await?
        .ok_or_else(|| no_issue(new.number))?;
    check_claim(tx, &row, new.claim_token.as_deref(), now).await?;
    if let Some(parent) = &new.reply_to {
        let sql = "select 1 from issue_comment where id = $1 and issue_id = $2";
        let known = on_tx!(*tx, c => sqlx::query(sql).bind(parent).bind(&row.id).fetch_optional(&mut **c).await
            .map(|row| row.is_some()))?;
        if !known {
            return Err(ToolError::not_found("comment", parent)
                .hint("get_issue with include [\"comments\"] shows this issue's comments"));
        }
    }
    let id = new_id("cmt");
    let sql = "insert into issue_comment (id, project_id, issue_id, author, body, reply_to, created_ms) \
               values ($1, $2, $3, $4, $5, $6, $7)";
    on_tx!(*tx, c => sqlx::query(sql).bind(&id).bind(project).bind(&row.id).bind(scope.agent.as_str()).bind(&new.body)
        .bind(new.reply_to.as_deref()).bind(now).execute(&mut **c).await.map(|_| ()))?;
    let sql = "update issue set comments = comments + 1, version = version + 1, updated_ms = $2 where id = $1 \
               returning version";
    let version: i64 = on_tx!(*tx, c => sqlx::query_scalar(sql).bind(&row.id).bind(now).fetch_one(&mut **c).await)?;
    let said = Change {
        field: "comment",
        old: None,
        new: Some(id.clone()),
    };
    record(tx, &Author { scope, now }, (&row.id, row.number), &[said]).await?;
    let added = CommentAdded {
        comment_id: id,
        version,
    };
    let answer = serde_json::to_string(&added).map_err(ToolError::internal)?;
    once::finish(tx, scope, COMMENT_TOOL, once, &answer).await?;
    Ok(added)
}
