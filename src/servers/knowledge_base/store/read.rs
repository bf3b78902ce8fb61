//! Places in documents: chunks and versions.

use super::KnowledgeStore;
use crate::{base::clock::Millis, on_db, servers::knowledge_base::model::Realm, tool::ToolError};

/// Where a chunk stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ChunkRow {
    /// The chunk.
    pub id: String,
    /// Its document.
    pub document_id: String,
    /// The version it is of.
    pub version: i64,
    /// Its place among the version's chunks, from 0.
    pub ordinal: i64,
    /// Where it starts in the version's text, in bytes.
    pub byte_start: i64,
    /// Where it ends.
    pub byte_end: i64,
    /// Headings above it: a JSON list.
    pub heading_path: String,
    /// The item of a program that it is.
    pub symbol: Option<String>,
}

/// A version in short.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VersionRow {
    /// Its number, from 1.
    pub version: i64,
    /// Who wrote it.
    pub created_by: String,
    /// When.
    pub created_ms: Millis,
}

impl KnowledgeStore {
    /// A chunk, of whatever version, of a live document visible in one of `realms`.
    pub async fn chunk(
        &self,
        realms: &[Realm; 2],
        id: &str,
    ) -> Result<Option<ChunkRow>, ToolError> {
        let sql = "select c.* from kb_chunk c join kb_document d on d.id = c.document_id \
                   where c.id = $1 and d.scope in ($2, $3) and d.deleted_ms is null";
        let [a, b] = realms.each_ref().map(ToString::to_string);
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).bind(a).bind(b)
            .fetch_optional(pool).await)?,
        )
    }

    /// Chunks of one version of a document the caller may read, from place `from` on, at most `limit`.
    pub async fn chunks(
        &self,
        document_id: &str,
        version: i64,
        from: i64,
        limit: i64,
    ) -> Result<Vec<ChunkRow>, ToolError> {
        let sql = "select * from kb_chunk where document_id = $1 and version = $2 and ordinal >= $3 \
                   order by ordinal limit $4";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id).bind(version)
            .bind(from).bind(limit).fetch_all(pool).await)?,
        )
    }

    /// The last versions of a document the caller may read, newest first.
    pub async fn versions(
        &self,
        document_id: &str,
        limit: i64,
    ) -> Result<Vec<VersionRow>, ToolError> {
        let sql = "select version, created_by, created_ms from kb_version where document_id = $1 \
                   order by version desc limit $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id).bind(limit).fetch_all(pool).await)?,
        )
    }
}
