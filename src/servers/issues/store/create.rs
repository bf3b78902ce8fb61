//! A new issue: number, row, labels, assignees and history in one transaction.

use crate::{
    base::{clock::Millis, ids::new_id},
    db::Tx,
    on_tx,
    project::Scope,
    servers::issues::{
        engine::change::{Change, json},
        model::{Fields, Once},
        store::{
            IssueStore, once,
            tx::{Author, record, take},
        },
    },
    tool::ToolError,
};

/// What to create.
#[derive(Debug, Clone)]
pub struct NewIssue {
    /// Its fields; lists sorted and without doubles.
    pub fields: Fields,
    /// Makes a repeated call answer again.
    pub once: Option<Once>,
}

const TOOL: &str = "create_issue";

impl IssueStore {
    /// Creates an issue and answers its number. Its version is 1.
    pub async fn create(
        &self,
        scope: &Scope,
        new: NewIssue,
        now: Millis,
    ) -> Result<i64, ToolError> {
        let scope = scope.clone();
        self.db
            .write(move |mut tx| Box::pin(async move { create(&mut tx, &scope, new, now).await }))
            .await
    }
}

async fn create(
    tx: &mut Tx<'_>,
    scope: &Scope,
    new: NewIssue,
    now: Millis,
) -> Result<i64, ToolError> {
    let once = new.once.as_ref();
    if let Some(answer) = once::begin(tx, scope, TOOL, once, now).await? {
        return answer.parse().map_err(ToolError::internal);
    }
    let project = scope.project.as_str();
    let number = take(tx, project, "issue", 1).await?;
    let id = new_id("iss");
    let fields = &new.fields;
    let closed = fields.state.is_closed().then_some(now);
    let sql = "insert into issue (id, project_id, number, title, body, type, priority, state, labels, assignees, \
               comments, version, created_by, created_ms, updated_ms, closed_ms) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 1, $11, $12, $12, $13)";
    on_tx!(*tx, c => sqlx::query(sql).bind(&id).bind(project).bind(number).bind(&fields.title).bind(&fields.body)
        .bind(fields.kind.as_str()).bind(i64::from(fields.priority)).bind(fields.state.as_str())
        .bind(json(&fields.labels)).bind(json(&fields.assignees)).bind(scope.agent.as_str()).bind(now).bind(closed)
        .execute(&mut **c).await.map(|_| ()))?;
    set_labels(tx, project, &id, &[], &fields.labels).await?;
    set_assignees(tx, project, &id, &[], &fields.assignees).await?;
    let created = Change {
        field: "created",
        old: None,
        new: Some(fields.title.clone()),
    };
    record(tx, &Author { scope, now }, (&id, number), &[created]).await?;
    once::finish(tx, scope, TOOL, once, &number.to_string()).await?;
    Ok(number)
}

/// Makes the rows of issue_label follow the list.
pub async fn set_labels(
    tx: &mut Tx<'_>,
    project: &str,
    issue: &str,
    old: &[String],
    new: &[String],
) -> Result<(), ToolError> {
    for label in old.iter().filter(|label| !new.contains(label)) {
        let sql = "delete from issue_label where issue_id = $1 and label = $2";
        on_tx!(*tx, c => sqlx::query(sql).bind(issue).bind(label).execute(&mut **c).await.map(|_| ()))?;
    }
    for label in new.iter().filter(|label| !old.contains(label)) {
        let sql = "insert into issue_label (issue_id, project_id, label) values ($1, $2, $3)";
        on_tx!(*tx, c => sqlx::query(sql).bind(issue).bind(project).bind(label).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}

/// Makes the rows of issue_assignee follow the list.
pub async fn set_assignees(
    tx: &mut Tx<'_>,
    project: &str,
    issue: &str,
    old: &[String],
    new: &[String],
) -> Result<(), ToolError> {
    for agent in old.iter().filter(|agent| !new.contains(agent)) {
        let sql = "delete from issue_assignee where issue_id = $1 and agent_id = $2";
        on_tx!(*tx, c => sqlx::query(sql).bind(issue).bind(agent).execute(&mut **c).await.map(|_| ()))?;
    }
    for agent in new.iter().filter(|agent| !old.contains(agent)) {
        let sql = "insert into issue_assignee (issue_id, project_id, agent_id) values ($1, $2, $3)";
        on_tx!(*tx, c => sqlx::query(sql).bind(issue).bind(project).bind(agent).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}
