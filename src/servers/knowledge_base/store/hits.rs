//! Filling in what the index found: permission, tombstone and version are checked again here, whatever the index holds.

use sqlx::QueryBuilder;

use crate::{
    on_db,
    servers::knowledge_base::{
        model::Realm,
        store::{KnowledgeStore, embeddings::numbers},
    },
    tool::ToolError,
};

/// A chunk of the current version of a live, visible document.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HitRow {
    /// The chunk.
    pub chunk_id: String,
    /// Its document.
    pub document_id: String,
    /// The version it is of.
    pub version: i64,
    /// What the document is.
    pub form: String,
    /// The caller's own name for the document.
    pub external_id: Option<String>,
    /// The document's title.
    pub title: String,
    /// Where the document came from.
    pub uri: Option<String>,
    /// Where the document is visible.
    pub scope: String,
    /// The document's collection.
    pub collection: Option<String>,
    /// Headings above the chunk: a JSON list.
    pub heading_path: String,
    /// Where it starts in the version's text, in bytes.
    pub byte_start: i64,
    /// Where it ends.
    pub byte_end: i64,
    /// Its first line, counted from 1.
    pub line_start: i64,
    /// Its last line.
    pub line_end: i64,
}

/// A chunk that may be ranked: its form, and its vector if it has one.
pub type Ranked = (String, String, Option<Vec<f32>>);

impl KnowledgeStore {
    /// Those of `chunks` that may be shown in `realms` now, with their vectors by `model`, in any order.
    pub async fn ranked(
        &self,
        model: &str,
        realms: &[Realm],
        chunks: &[String],
    ) -> Result<Vec<Ranked>, ToolError> {
        if chunks.is_empty() || realms.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String, Option<Vec<u8>>)> = on_db!(&self.db, pool => {
            let mut query = QueryBuilder::new(
                "select c.id, d.form, e.vector \
                 from kb_chunk c cross join kb_document d \
                 left join kb_embedding e on e.scope = c.scope and e.text_hash = c.passage_hash and e.model = ",
            );
            query.push_bind(model).push(" where ");
            shown(&mut query, realms, chunks);
            query.build_query_as().fetch_all(pool).await
        })?;
        let read = |(chunk, form, vector): (String, String, Option<Vec<u8>>)| {
            (chunk, form, vector.map(|blob| numbers(&blob)))
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Those of `chunks` that may be shown in `realms` now, in any order.
    pub async fn hits(
        &self,
        realms: &[Realm],
        chunks: &[String],
    ) -> Result<Vec<HitRow>, ToolError> {
        if chunks.is_empty() || realms.is_empty() {
            return Ok(Vec::new());
        }
        Ok(on_db!(&self.db, pool => {
            let mut query = QueryBuilder::new(
                "select c.id as chunk_id, c.document_id, c.version, d.form, d.external_id, d.title, d.uri, d.scope, d.collection, \
                 c.heading_path, c.byte_start, c.byte_end, c.line_start, c.line_end \
                 from kb_chunk c cross join kb_document d \
                 where ",
            );
            shown(&mut query, realms, chunks);
            query.build_query_as().fetch_all(pool).await
        })?)
    }
}

/// The condition that a chunk is one of `chunks`, and that its document may be shown in `realms`.
fn shown<D: sqlx::Database>(query: &mut QueryBuilder<D>, realms: &[Realm], chunks: &[String])
where
    String: sqlx::Type<D> + for<'q> sqlx::Encode<'q, D>,
{
    // A cross join is not turned round by SQLite: it would begin with all documents of the realms.
    query.push(
        "d.id = c.document_id and d.version = c.version and d.deleted_ms is null and d.scope in (",
    );
    let mut list = query.separated(", ");
    for realm in realms {
        list.push_bind(realm.to_string());
    }
    query.push(") and c.id in (");
    let mut list = query.separated(", ");
    for chunk in chunks {
        list.push_bind(chunk.clone());
    }
    query.push(")");
}
