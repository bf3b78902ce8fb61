//! What the caches should hold, counted and listed.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::KnowledgeStore;
use crate::{on_db, tool::ToolError};

/// A live document and its chunks: id and hash of the text, in the order of ids.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Where it is visible.
    pub scope: String,
    /// Its chunks.
    pub chunks: Vec<(String, String)>,
}

/// A model's vectors of all live documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct VectorCounts {
    /// Chunks.
    pub chunks: i64,
    /// Those that have a vector.
    pub with_vector: i64,
    /// Those whose vector has another length.
    pub wrong: i64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Totals {
    /// Live documents.
    pub documents: i64,
    /// Their chunks.
    pub chunks: i64,
    /// Bytes of their texts.
    pub bytes: i64,
}

impl KnowledgeStore {
    /// What the index should hold of `ids`: those that are live.
    pub async fn expected(&self, ids: &[String]) -> Result<BTreeMap<String, Expected>, ToolError> {
        let mut out: BTreeMap<String, Expected> = BTreeMap::new();
        if ids.is_empty() {
            return Ok(out);
        }
        type Row = (String, String, Option<String>, Option<String>);
        let rows: Vec<Row> = on_db!(&self.db, pool => {
            let mut query = QueryBuilder::new(
                "select d.id, d.scope, c.id, c.text_hash from kb_document d \
                 left join kb_chunk c on c.document_id = d.id and c.version = d.version \
                 where d.deleted_ms is null and d.id in (",
            );
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id.as_str());
            }
            query.push(")");
            query.build_query_as().fetch_all(pool).await
        })?;
        for (document, scope, chunk, hash) in rows {
            let expected = out.entry(document).or_default();
            expected.scope = scope;
            expected.chunks.extend(chunk.zip(hash));
        }
        for expected in out.values_mut() {
            expected.chunks.sort();
        }
        Ok(out)
    }

    /// How many vectors of `model`, of `bytes` each, there are of live documents.
    pub async fn count_vectors(&self, model: &str, bytes: i64) -> Result<VectorCounts, ToolError> {
        let sql = "select count(*) as chunks, count(e.text_hash) as with_vector, \
                   coalesce(sum(case when length(e.vector) <> $2 then 1 else 0 end), 0) as wrong \
                   from kb_document d join kb_chunk c on c.document_id = d.id and c.version = d.version \
                   left join kb_embedding e on e.model = $1 and e.scope = c.scope and e.text_hash = c.passage_hash \
                   where d.deleted_ms is null";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(model).bind(bytes).fetch_one(pool).await)?,
        )
    }

    /// Up to `limit` live documents that lack a vector of `model`.
    pub async fn without_vectors(&self, model: &str, limit: i64) -> Result<Vec<String>, ToolError> {
        let sql = "select distinct d.id from kb_document d \
                   join kb_chunk c on c.document_id = d.id and c.version = d.version \
                   left join kb_embedding e on e.model = $1 and e.scope = c.scope and e.text_hash = c.passage_hash \
                   where d.deleted_ms is null and e.text_hash is null limit $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(model).bind(limit).fetch_all(pool).await)?,
        )
    }

    /// How much there is, in all scopes.
    pub async fn totals(&self) -> Result<Totals, ToolError> {
        let sql = "select count(*) as documents, cast(coalesce(sum(chunks), 0) as bigint) as chunks, \
                   cast(coalesce(sum(bytes), 0) as bigint) as bytes from kb_document where deleted_ms is null";
        Ok(on_db!(&self.db, pool => sqlx::query_as(sql).fetch_one(pool).await)?)
    }
}
