//! The SQL of the audit log.

mod chains;
mod prune;
mod put;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

pub use chains::{Chain, Writer, begin, chain, chains, ended, ends, links, strays};
pub use prune::prune;
pub use put::{abort_unsettled, put};

use super::{Entry, Outcome};
use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_db,
};

/// What to look for. Every field narrows the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Calls in this project.
    pub project_id: Option<String>,
    /// Calls for this agent.
    pub agent_id: Option<String>,
    /// Calls by this token id.
    pub principal_id: Option<String>,
    /// Calls to this server.
    pub server: Option<String>,
    /// Calls of this tool.
    pub tool: Option<String>,
    /// Calls that ended so: started, ok, error, refused, cancelled or aborted.
    pub outcome: Option<String>,
    /// Calls made by this call.
    pub parent_id: Option<String>,
    /// Calls at or after this time, in milliseconds since the Unix epoch.
    pub since_ms: Option<Millis>,
    /// Calls before this time, in milliseconds since the Unix epoch.
    pub until_ms: Option<Millis>,
}

/// An entry as read back.
#[derive(Clone, Debug, Serialize, JsonSchema, sqlx::FromRow)]
pub struct Record {
    /// The call's id.
    pub id: String,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub started_ms: Millis,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
    /// The token that made it.
    pub principal_id: String,
    /// The project it named.
    pub project_id: String,
    /// The agent it named.
    pub agent_id: String,
    /// The tool's server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// read, write or admin.
    pub access: String,
    /// mcp, rest, module or embedded.
    pub origin: String,
    /// The call that made this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The HTTP request that carried it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// started, ok, error, refused, cancelled or aborted.
    pub outcome: String,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The redacted arguments, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
}

impl Query {
    fn equals(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("project_id", &self.project_id),
            ("agent_id", &self.agent_id),
            ("principal_id", &self.principal_id),
            ("server", &self.server),
            ("tool", &self.tool),
            ("outcome", &self.outcome),
            ("parent_id", &self.parent_id),
        ]
    }

    /// Whether it finds `record`.
    pub fn takes(&self, record: &Record) -> bool {
        let found = [
            Some(&record.project_id),
            Some(&record.agent_id),
            Some(&record.principal_id),
            Some(&record.server),
            Some(&record.tool),
            Some(&record.outcome),
            record.parent_id.as_ref(),
        ];
        let mut pairs = self.equals().into_iter().zip(found);
        pairs.all(|((_, wanted), found)| wanted.is_none() || wanted.as_ref() == found)
            && self.since_ms.is_none_or(|since| record.started_ms >= since)
            && self.until_ms.is_none_or(|until| record.started_ms < until)
    }
}

/// Adds what `$query` asks for to the statement `$sql`, whose type depends on the database.
macro_rules! narrow {
    ($sql:ident, $query:expr) => {
        for (column, wanted) in $query.equals() {
            if let Some(wanted) = wanted {
                $sql.push(" and ")
                    .push(column)
                    .push(" = ")
                    .push_bind(wanted.clone());
            }
        }
        if let Some(since) = $query.since_ms {
            $sql.push(" and started_ms >= ").push_bind(since);
        }
        if let Some(until) = $query.until_ms {
            $sql.push(" and started_ms < ").push_bind(until);
        }
    };
}

/// An entry with its places in chains.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Linked {
    #[sqlx(flatten)]
    pub record: Record,
    /// Where its beginning is, if that was on record before the call ran.
    pub begun_chain: Option<String>,
    pub begun_seq: Option<i64>,
    /// Where its end is, once it has ended.
    pub chain: Option<String>,
    pub seq: Option<i64>,
    /// The mac of the later of the two.
    pub mac: Option<String>,
}

impl From<&Entry> for Record {
    fn from(entry: &Entry) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            id: entry.id.to_string(),
            started_ms: entry.started_ms,
            duration_us: entry.duration_us,
            principal_id: entry.principal.to_string(),
            project_id: entry.project.to_string(),
            agent_id: entry.agent.to_string(),
            server: entry.server.to_string(),
            tool: entry.tool.to_string(),
            access: entry.access.as_str().to_owned(),
            origin: entry.origin.as_str().to_owned(),
            parent_id: text(&entry.parent),
            request_id: text(&entry.request),
            outcome: entry.outcome.as_str().to_owned(),
            code: entry.code.as_deref().map(str::to_owned),
            arguments: entry.arguments.clone(),
        }
    }
}

impl Record {
    /// Whether the call has ended.
    pub fn has_ended(&self) -> bool {
        self.outcome != Outcome::Started.as_str()
    }
}

/// Entries from the newest on, before the key `(started_ms, id)` of `before`.
pub async fn find(
    db: &Db,
    query: &Query,
    before: Option<&(Millis, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new("select * from audit where 1 = 1");
        narrow!(sql, query);
        if let Some((ms, id)) = before {
            sql.push(" and (started_ms, id) < (").push_bind(*ms).push(", ").push_bind(id.clone()).push(")");
        }
        sql.push(" order by started_ms desc, id desc limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// Entries from the oldest on, after the key `(started_ms, id)` of `after`.
pub async fn since(
    db: &Db,
    query: &Query,
    after: Option<&(Millis, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    Ok(on_db!(db, pool => {
        let mut sql = QueryBuilder::new("select * from audit where 1 = 1");
        narrow!(sql, query);
        if let Some((ms, id)) = after {
            sql.push(" and (started_ms, id) > (").push_bind(*ms).push(", ").push_bind(id.clone()).push(")");
        }
        sql.push(" order by started_ms, id limit ").push_bind(i64::from(limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}
