//! Memories: documents of kind memory with what makes them memories.

use sqlx::QueryBuilder;

use super::{KnowledgeStore, write::add};
use crate::{
    base::clock::Millis,
    db::Tx,
    on_db, on_tx,
    servers::knowledge_base::model::{Added, NewDocument, Outcome, Realm},
    tool::ToolError,
};

/// A memory to keep.
#[derive(Debug, Clone)]
pub struct NewMemory {
    /// Its text and where it is visible.
    pub document: NewDocument,
    /// What sort of memory it is.
    pub kind: &'static str,
    /// Where it is known from: a JSON object.
    pub provenance: String,
    /// Since when it is true.
    pub valid_from_ms: Millis,
    /// Until when it was, if it no longer is.
    pub valid_until_ms: Option<Millis>,
    /// When it is forgotten by itself.
    pub expires_ms: Option<Millis>,
    /// Whether it stays on top, whatever its age.
    pub pinned: bool,
    /// The memory that it takes the place of.
    pub supersedes: Option<String>,
}

/// A memory's row, with its text.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MemoryRow {
    /// Its id, which is a document's.
    pub document_id: String,
    /// Where it is visible: a [`Realm`] as text.
    pub scope: String,
    /// What sort of memory it is.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// Where it is known from: a JSON object.
    pub provenance: String,
    /// Since when it is true.
    pub valid_from_ms: Millis,
    /// Until when it was.
    pub valid_until_ms: Option<Millis>,
    /// When it is forgotten.
    pub expires_ms: Option<Millis>,
    /// The memory that took its place.
    pub superseded_by: Option<String>,
    /// Whether it stays on top.
    pub pinned: i64,
    /// When it was saved.
    pub created_ms: Millis,
    /// Who saved it.
    pub created_by: String,
    /// Words to filter by: a JSON list.
    pub tags: String,
    /// The outbox entry of its last change.
    pub seq: i64,
    /// Its text.
    pub text: String,
}

/// Which memories are meant.
#[derive(Debug, Clone, Copy)]
pub struct MemoryFilter<'a> {
    /// The time that expiry is judged by.
    pub now: Millis,
    /// The time at which they must be true, unless all are wanted that ever were.
    pub at: Option<Millis>,
    /// Of this sort.
    pub kind: Option<&'a str>,
    /// Whether those whose place another took are wanted too.
    pub superseded: bool,
}

impl KnowledgeStore {
    /// Keeps a memory. The same text again keeps it once and renews what is known of it.
    pub async fn remember(
        &self,
        new: NewMemory,
        agent: &str,
        now: Millis,
    ) -> Result<Added, ToolError> {
        let agent = agent.to_owned();
        self.db
            .write(move |mut tx| Box::pin(async move { remember(&mut tx, new, &agent, now).await }))
            .await
    }

    /// Memories that are visible in `realms` and wanted: those of `ids`, or else all, pinned ones first, then the newest.
    pub async fn memories(
        &self,
        realms: &[Realm],
        ids: Option<&[String]>,
        filter: MemoryFilter<'_>,
        limit: u32,
    ) -> Result<Vec<MemoryRow>, ToolError> {
        if realms.is_empty() || ids.is_some_and(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        Ok(on_db!(&self.db, pool => {
            let mut query = QueryBuilder::new(
                "select m.*, d.created_by, d.tags, d.seq, v.text from kb_memory m \
                 join kb_document d on d.id = m.document_id and d.deleted_ms is null \
                 join kb_version v on v.document_id = d.id and v.version = d.version \
                 where (m.expires_ms is null or m.expires_ms > ",
            );
            query.push_bind(filter.now).push(") and m.scope in (");
            let mut list = query.separated(", ");
            for realm in realms {
                list.push_bind(realm.to_string());
            }
            query.push(")");
            if let Some(at) = filter.at {
                query.push(" and m.valid_from_ms <= ").push_bind(at)
                    .push(" and (m.valid_until_ms is null or m.valid_until_ms > ").push_bind(at).push(")");
            }
            if !filter.superseded {
                query.push(" and m.superseded_by is null");
            }
            if let Some(kind) = filter.kind {
                query.push(" and m.type = ").push_bind(kind);
            }
            if let Some(ids) = ids {
                query.push(" and m.document_id in (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_str());
                }
                query.push(")");
            }
            query.push(" order by m.pinned desc, m.document_id desc limit ").push_bind(i64::from(limit));
            query.build_query_as().fetch_all(pool).await
        })?)
    }

    /// Memories whose time has come, at most `limit`: scope and id.
    pub async fn expired(
        &self,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<(String, String)>, ToolError> {
        let sql = "select m.scope, m.document_id from kb_memory m \
                   join kb_document d on d.id = m.document_id and d.deleted_ms is null \
                   where m.expires_ms <= $1 order by m.expires_ms limit $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(now).bind(limit).fetch_all(pool).await)?,
        )
    }
}

async fn remember(
    tx: &mut Tx<'_>,
    new: NewMemory,
    agent: &str,
    now: Millis,
) -> Result<Added, ToolError> {
    let (scope, project) = (new.document.realm.to_string(), new.document.realm.clone());
    let mut added = add(tx, new.document, agent, now).await?;
    let id = added.document_id.clone();
    if let Some(old) = new.supersedes.as_deref().filter(|old| *old != id) {
        let sql = "update kb_memory set superseded_by = $3, \
                   valid_until_ms = case when valid_until_ms < $4 then valid_until_ms else $4 end \
                   where document_id = $1 and scope = $2 and exists (select 1 from kb_document d \
                   where d.id = kb_memory.document_id and d.deleted_ms is null)";
        let rows = on_tx!(*tx, c => sqlx::query(sql).bind(old).bind(&scope).bind(&id).bind(new.valid_from_ms)
            .execute(&mut **c).await.map(|done| done.rows_affected()))?;
        if rows == 0 {
            return Err(ToolError::not_found("memory", old)
                .hint("supersedes takes a memory_id of the same scope, from recall_memory"));
        }
    }
    let put = "insert into kb_memory (document_id, scope, project_id, type, provenance, valid_from_ms, valid_until_ms, \
               expires_ms, pinned, created_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               on conflict (document_id) do update set type = excluded.type, provenance = excluded.provenance, \
               valid_from_ms = excluded.valid_from_ms, valid_until_ms = excluded.valid_until_ms, \
               expires_ms = excluded.expires_ms, pinned = excluded.pinned, superseded_by = null \
               where kb_memory.type <> excluded.type or kb_memory.provenance <> excluded.provenance \
               or kb_memory.pinned <> excluded.pinned or kb_memory.superseded_by is not null \
               or coalesce(kb_memory.valid_until_ms, -1) <> coalesce(excluded.valid_until_ms, -1) \
               or coalesce(kb_memory.expires_ms, -1) <> coalesce(excluded.expires_ms, -1)";
    let rows = on_tx!(*tx, c => sqlx::query(put).bind(&id).bind(&scope).bind(project.project()).bind(new.kind)
        .bind(&new.provenance).bind(new.valid_from_ms).bind(new.valid_until_ms).bind(new.expires_ms)
        .bind(i64::from(new.pinned)).bind(now).execute(&mut **c).await.map(|done| done.rows_affected()))?;
    if rows > 0 && added.outcome == Outcome::Unchanged {
        added.outcome = Outcome::Updated;
    }
    Ok(added)
}
