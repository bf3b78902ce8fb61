//! What is read without changing anything.

use serde::{Deserialize, Serialize};
use sqlx::{Database, QueryBuilder};

use crate::{
    base::clock::Millis,
    db::like,
    on_db,
    servers::issues::{
        model::{Filter, Kind, Sort, State},
        store::{IssueRow, IssueStore, list, strange},
    },
    tool::ToolError,
};

/// An issue in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemRow {
    /// Number within the project.
    pub number: i64,
    /// Its title.
    pub title: String,
    #[sqlx(rename = "type")]
    kind: String,
    /// 0 to 4.
    pub priority: i64,
    state: String,
    labels: String,
    assignees: String,
    /// How many comments it has.
    pub comments: i64,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// Who holds a live claim of it.
    pub claimed_by: Option<String>,
}

impl ItemRow {
    /// Its type.
    pub fn kind(&self) -> Result<Kind, ToolError> {
        Kind::from_word(&self.kind).ok_or_else(|| strange("type", &self.kind))
    }

    /// Where it stands.
    pub fn state(&self) -> Result<State, ToolError> {
        State::from_word(&self.state).ok_or_else(|| strange("state", &self.state))
    }

    /// Its labels.
    pub fn labels(&self) -> Result<Vec<String>, ToolError> {
        list(&self.labels)
    }

    /// Agents it is assigned to.
    pub fn assignees(&self) -> Result<Vec<String>, ToolError> {
        list(&self.assignees)
    }

    /// About how many bytes of JSON it takes.
    pub fn size(&self) -> usize {
        self.title.len() + self.labels.len() + self.assignees.len() + 200
    }

    /// Where a list goes on after this one.
    pub fn place(&self, sort: Sort) -> After {
        let key = match sort {
            Sort::Updated => self.updated_ms,
            Sort::Created => 0,
            Sort::Priority => self.priority,
        };
        After(key, self.number)
    }
}

/// The last issue of a page: its sort key and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct After(pub i64, pub i64);

/// A comment.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CommentRow {
    /// Its id.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub body: String,
    /// The comment it answers.
    pub reply_to: Option<String>,
    /// When it was written, in milliseconds since the Unix epoch.
    pub created_ms: i64,
}

/// An entry of the history.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EventRow {
    /// Its place in the project's history.
    pub seq: i64,
    /// Who made the change.
    pub agent_id: String,
    /// What changed.
    pub field: String,
    /// The value before.
    pub old: Option<String>,
    /// The value after.
    pub new: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A live claim.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ClaimRow {
    /// Who holds it.
    pub agent_id: String,
    /// Which claim of this issue it is.
    pub epoch: i64,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub claimed_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
}

impl IssueStore {
    /// One issue.
    pub async fn get(&self, project: &str, number: i64) -> Result<Option<IssueRow>, ToolError> {
        let sql = "select * from issue where project_id = $1 and number = $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(project).bind(number).fetch_optional(pool).await)?,
        )
    }

    /// Up to `limit` issues after `after`.
    pub async fn list(
        &self,
        project: &str,
        filter: &Filter,
        (sort, after, limit): (Sort, Option<After>, u32),
        now: Millis,
    ) -> Result<Vec<ItemRow>, ToolError> {
        Ok(on_db!(&self.db, pool => {
            let mut query = QueryBuilder::new(
                "select i.number, i.title, i.type, i.priority, i.state, i.labels, i.assignees, i.comments, \
                 i.updated_ms, (select c.agent_id from issue_claim c where c.issue_id = i.id and c.expires_ms > ",
            );
            query.push_bind(now).push(") as claimed_by from issue i where i.project_id = ").push_bind(project);
            narrow(&mut query, filter);
            order(&mut query, sort, after);
            query.push(" limit ").push_bind(i64::from(limit));
            query.build_query_as().fetch_all(pool).await
        })?)
    }

    /// The newest `limit` comments of an issue, before one of them if it is named, oldest first.
    pub async fn comments(
        &self,
        issue_id: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CommentRow>, ToolError> {
        // '~' sorts after every id.
        let sql =
            "select * from issue_comment where issue_id = $1 and id < $2 order by id desc limit $3";
        let mut rows: Vec<CommentRow> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(issue_id)
            .bind(before.unwrap_or("~")).bind(i64::from(limit)).fetch_all(pool).await)?;
        rows.reverse();
        Ok(rows)
    }

    /// The newest `limit` entries of an issue's history, oldest first.
    pub async fn history(&self, issue_id: &str, limit: u32) -> Result<Vec<EventRow>, ToolError> {
        let sql = "select * from issue_event where issue_id = $1 order by seq desc limit $2";
        let mut rows: Vec<EventRow> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(issue_id)
            .bind(i64::from(limit)).fetch_all(pool).await)?;
        rows.reverse();
        Ok(rows)
    }

    /// The live claim of an issue.
    pub async fn live_claim(
        &self,
        issue_id: &str,
        now: Millis,
    ) -> Result<Option<ClaimRow>, ToolError> {
        let sql = "select * from issue_claim where issue_id = $1 and expires_ms > $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(issue_id).bind(now).fetch_optional(pool).await)?,
        )
    }
}

/// Where the list's conditions go.
fn narrow<'q, DB: Database>(query: &mut QueryBuilder<DB>, filter: &Filter)
where
    String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    if !filter.states.is_empty() {
        query.push(" and i.state in (");
        let mut list = query.separated(", ");
        for state in &filter.states {
            list.push_bind(state.as_str().to_owned());
        }
        query.push(")");
    }
    for label in &filter.labels {
        query
            .push(" and exists (select 1 from issue_label l where l.issue_id = i.id and l.label = ")
            .push_bind(label.clone())
            .push(")");
    }
    if let Some(agent) = &filter.assignee {
        query
            .push(" and exists (select 1 from issue_assignee a where a.issue_id = i.id and a.agent_id = ")
            .push_bind(agent.clone())
            .push(")");
    }
    if let Some(kind) = filter.kind {
        query
            .push(" and i.type = ")
            .push_bind(kind.as_str().to_owned());
    }
    if let Some(priority) = filter.priority {
        query
            .push(" and i.priority = ")
            .push_bind(i64::from(priority));
    }
    if let Some(text) = &filter.text {
        let pattern = like(text);
        query
            .push(" and (lower(i.title) like lower(")
            .push_bind(pattern.clone())
            .push(") escape '\\' or lower(i.body) like lower(")
            .push_bind(pattern)
            .push(") escape '\\')");
    }
}

fn order<'q, DB: Database>(query: &mut QueryBuilder<DB>, sort: Sort, after: Option<After>)
where
    i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let (pair, sign, order) = match sort {
        Sort::Updated => (
            "(i.updated_ms, i.number)",
            "<",
            " order by i.updated_ms desc, i.number desc",
        ),
        Sort::Created => ("i.number", "<", " order by i.number desc"),
        Sort::Priority => (
            "(i.priority, i.number)",
            ">",
            " order by i.priority, i.number",
        ),
    };
    if let Some(After(key, number)) = after {
        query.push(format_args!(" and {pair} {sign} "));
        if sort == Sort::Created {
            query.push_bind(number);
        } else {
            query
                .push("(")
                .push_bind(key)
                .push(", ")
                .push_bind(number)
                .push(")");
        }
    }
    query.push(order);
}

#[cfg(test)]
mod tests {
    #[test]
    fn wildcards_are_only_characters() {
        assert_eq!(super::like(r"50%_\x"), r"%50\%\_\\x%");
    }
}
