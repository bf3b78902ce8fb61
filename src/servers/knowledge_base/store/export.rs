//! Documents with all their versions, to be taken elsewhere.

use super::KnowledgeStore;
use crate::{base::clock::Millis, on_db, servers::knowledge_base::model::Realm, tool::ToolError};

/// One version of a live document, with what is known of the document.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ExportRow {
    /// The document.
    pub id: String,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// Where it came from.
    pub uri: Option<String>,
    /// The collection it lies in.
    pub collection: Option<String>,
    /// How its text is read.
    pub form: String,
    /// What the caller keeps with it: a JSON object.
    pub metadata: String,
    /// The version.
    pub version: i64,
    /// Its text.
    pub text: String,
    /// Who made it.
    pub created_by: String,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// For a memory: what it says, a fact, a decision and so on.
    pub memory_type: Option<String>,
    /// Where it is known from: a JSON object.
    pub provenance: Option<String>,
    /// From when on it was true.
    pub valid_from_ms: Option<Millis>,
    /// Until when.
    pub valid_until_ms: Option<Millis>,
    /// Whether it is pinned.
    pub pinned: Option<i64>,
}

impl KnowledgeStore {
    /// The next version after `after`, a document and a version, in the order of both.
    pub async fn export_after(
        &self,
        realm: &Realm,
        after: (&str, i64),
    ) -> Result<Option<ExportRow>, ToolError> {
        let sql = "select d.id, d.external_id, d.title, d.uri, d.collection, d.form, d.metadata, v.version, v.text, \
                   v.created_by, v.created_ms, m.type as memory_type, m.provenance, m.valid_from_ms, m.valid_until_ms, \
                   m.pinned from kb_document d join kb_version v on v.document_id = d.id \
                   left join kb_memory m on m.document_id = d.id \
                   where d.scope = $1 and d.deleted_ms is null and (d.id > $2 or d.id = $2 and v.version > $3) \
                   order by d.id, v.version limit 1";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(realm.to_string()).bind(after.0).bind(after.1)
            .fetch_optional(pool).await)?,
        )
    }
}
