//! What the indexer reads: documents with their chunks.

use crate::{
    on_db, on_tx,
    servers::knowledge_base::{
        engine::lexical::{Change, Entry, Put},
        store::{DocumentRow, KnowledgeStore, embeddings::facts},
    },
    tool::ToolError,
};

/// A chunk's place, headings and symbol.
type Place = (String, i64, i64, String, Option<String>);

impl KnowledgeStore {
    /// A random number that tells this database from every other, made at the first start.
    pub async fn database_id(&self) -> Result<i64, ToolError> {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(ToolError::internal)?;
        let made = i64::from_le_bytes(bytes) & i64::MAX;
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "insert into kb_counter (name, value) values ('database', $1) \
                               on conflict (name) do update set value = kb_counter.value returning value";
                    Ok::<i64, ToolError>(
                        on_tx!(tx, c => sqlx::query_scalar(sql).bind(made).fetch_one(&mut **c).await)?,
                    )
                })
            })
            .await
    }

    /// Up to `limit` live documents after `id`, in the order of ids.
    pub async fn live_after(&self, id: &str, limit: u32) -> Result<Vec<String>, ToolError> {
        let sql =
            "select id from kb_document where id > $1 and deleted_ms is null order by id limit $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(id).bind(i64::from(limit)).fetch_all(pool).await)?,
        )
    }

    /// What the index should hold of a document now: its current chunks, or nothing.
    pub async fn change(&self, document_id: &str) -> Result<Change, ToolError> {
        let gone = || Change::Remove {
            document_id: document_id.to_owned(),
        };
        let sql = "select * from kb_document where id = $1 and deleted_ms is null";
        let row: Option<DocumentRow> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id)
            .fetch_optional(pool).await)?;
        let Some(row) = row else {
            return Ok(gone());
        };
        let Some((text, ..)) = self.text(&row, row.version).await? else {
            return Ok(gone());
        };
        let sql = "select id, byte_start, byte_end, heading_path, symbol from kb_chunk \
                   where document_id = $1 and version = $2 order by ordinal";
        let places: Vec<Place> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id).bind(row.version)
            .fetch_all(pool).await)?;
        let mut entries = Vec::with_capacity(places.len());
        for (chunk_id, start, end, path, symbol) in places {
            let path: Vec<String> = serde_json::from_str(&path).map_err(ToolError::internal)?;
            let start = usize::try_from(start).map_err(ToolError::internal)?;
            let end = usize::try_from(end).map_err(ToolError::internal)?;
            entries.push(Entry {
                chunk_id,
                title: row.title.clone(),
                heading: path.join(" "),
                symbol,
                text: text.get(start..end).unwrap_or_default().to_owned(),
            });
        }
        Ok(Change::Put(Put {
            facts: facts(&row)?,
            entries,
        }))
    }
}
