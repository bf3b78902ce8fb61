//! The SQL of the knowledge base. SQL is the truth; the search index follows the outbox that is written with each change.

mod choose;
mod embeddings;
mod export;
mod feed;
mod generations;
mod hits;
mod items;
mod jobs;
mod list;
mod memory;
mod outbox;
mod purge;
mod put;
mod read;
mod sources;
mod unused;
mod update;
mod verify;
mod write;

pub use embeddings::{MANY, Made, NewVectors, Passage, Passages, VectorRows, facts, numbers};
pub use export::ExportRow;
pub use generations::{Generation, HUB_SCOPE};
pub use hits::HitRow;
pub use items::{Failed, ItemRow, Step};
pub use jobs::{JobRow, NewJob};
pub use list::DocumentsFilter;
pub use memory::{MemoryFilter, MemoryRow, NewMemory};
pub use outbox::{Entry, Op};
pub use read::{ChunkRow, VersionRow};
pub use sources::Known;
pub use update::{Patch, Patched};
pub use verify::Expected;

use crate::{
    base::clock::Millis, db::Db, on_db, servers::knowledge_base::model::Realm, tool::ToolError,
};

/// The knowledge base's tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KnowledgeStore {
    db: Db,
}

/// A document's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DocumentRow {
    /// Its id.
    pub id: String,
    /// Where it is visible: a [`Realm`] as text.
    pub scope: String,
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
    /// The programming language of a program.
    pub language: Option<String>,
    /// Where it stands in its source.
    pub path: Option<String>,
    /// Words to filter by: a JSON list.
    pub tags: String,
    /// The source that brought it.
    pub source_id: Option<String>,
    /// Hash of the bytes its text was taken out of, where they are not the text.
    pub content_hash: Option<String>,
    /// What the caller keeps with it: a JSON object.
    pub metadata: String,
    /// Its current version.
    pub version: i64,
    /// Hash of the current text.
    pub text_hash: String,
    /// Bytes of the current text.
    pub bytes: i64,
    /// Chunks of the current version.
    pub chunks: i64,
    /// The outbox entry of its last change.
    pub seq: i64,
    /// Who added it.
    pub created_by: String,
    /// When it was added, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it last changed.
    pub updated_ms: Millis,
}

impl KnowledgeStore {
    /// The tables in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A document that is visible in one of `realms`.
    pub async fn document(
        &self,
        realms: &[Realm; 2],
        id: &str,
    ) -> Result<Option<DocumentRow>, ToolError> {
        let sql =
            "select * from kb_document where id = $1 and scope in ($2, $3) and deleted_ms is null";
        let [a, b] = realms.each_ref().map(ToString::to_string);
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).bind(a).bind(b).fetch_optional(pool).await)?,
        )
    }

    /// The text of one version, when it was made (in milliseconds since the Unix epoch) and by whom.
    pub async fn text(
        &self,
        document: &DocumentRow,
        version: i64,
    ) -> Result<Option<(String, Millis, String)>, ToolError> {
        let sql = "select text, created_ms, created_by from kb_version where document_id = $1 and version = $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(&document.id).bind(version).fetch_optional(pool).await)?,
        )
    }
}
