//! Vectors, as they are kept: a text's, once for each model and scope.

use std::collections::{BTreeMap, HashSet};

use sqlx::QueryBuilder;

use super::{
    DocumentRow, KnowledgeStore, Op,
    write::{announce, lock},
};
use crate::{
    base::clock::Millis,
    db::Tx,
    on_db, on_tx,
    servers::knowledge_base::{
        engine::{digest::digest, embed::passage, vectors::DocumentFacts},
        model::Realm,
    },
    tool::ToolError,
};

/// What is counted no further: a search has no time for it.
pub const MANY: i64 = 1_000;

/// A chunk and the text that is embedded for it.
#[derive(Debug, Clone)]
pub struct Passage {
    /// The chunk.
    pub chunk_id: String,
    /// Hash of `text`.
    pub hash: String,
    /// The text.
    pub text: String,
}

/// A live document's passages.
#[derive(Debug, Clone)]
pub struct Passages {
    /// The document.
    pub document_id: String,
    /// Where it is visible.
    pub scope: String,
    /// The project it belongs to, unless it is global.
    pub project_id: Option<String>,
    /// Who added it.
    pub created_by: String,
    /// Its chunks.
    pub passages: Vec<Passage>,
    /// Whether the chunks' rows say which passages are theirs.
    pub noted: bool,
}

/// A vector that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The text's hash.
    pub hash: String,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// Vectors of some of a document's passages.
#[derive(Debug, Clone)]
pub struct NewVectors {
    /// The document, with these passages alone.
    pub document: Passages,
    /// Their vectors.
    pub made: Vec<Made>,
    /// Whether every hub hears that the document has all its vectors now.
    pub announced: bool,
}

/// A document's rows for the vectors in memory: chunk, vector.
pub type VectorRows = Vec<(String, Vec<f32>)>;

impl KnowledgeStore {
    /// The passages of a live document. `None` when it is gone.
    pub async fn passages(&self, document_id: &str) -> Result<Option<Passages>, ToolError> {
        let Some(row) = self.live(document_id).await? else {
            return Ok(None);
        };
        let Some((text, ..)) = self.text(&row, row.version).await? else {
            return Ok(None);
        };
        let sql = "select id, byte_start, byte_end, heading_path, passage_hash from kb_chunk \
                   where document_id = $1 and version = $2 order by ordinal";
        type Row = (String, i64, i64, String, Option<String>);
        let places: Vec<Row> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id)
            .bind(row.version).fetch_all(pool).await)?;
        let mut passages = Vec::with_capacity(places.len());
        let mut noted = true;
        for (chunk_id, start, end, path, known) in places {
            let path: Vec<String> = serde_json::from_str(&path).map_err(ToolError::internal)?;
            let (start, end) = (
                usize::try_from(start).unwrap_or(0),
                usize::try_from(end).unwrap_or(0),
            );
            let text = passage(&row.title, &path, text.get(start..end).unwrap_or_default());
            let hash = digest(&text);
            noted &= known.as_ref() == Some(&hash);
            passages.push(Passage {
                chunk_id,
                hash,
                text,
            });
        }
        let project_id = row.scope.strip_prefix("project:").map(str::to_owned);
        Ok(Some(Passages {
            document_id: row.id,
            scope: row.scope,
            project_id,
            created_by: row.created_by,
            passages,
            noted,
        }))
    }

    async fn live(&self, document_id: &str) -> Result<Option<DocumentRow>, ToolError> {
        let sql = "select * from kb_document where id = $1 and deleted_ms is null";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(document_id).fetch_optional(pool).await)?,
        )
    }

    /// Notes with documents' chunks which passages are theirs: vectors of these are not swept from now on.
    pub async fn note_passages(&self, documents: Vec<Passages>) -> Result<(), ToolError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    for document in &documents {
                        mark(&mut tx, document).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Those of `hashes` whose vector is kept for `scope`.
    pub async fn has_vectors(
        &self,
        model: &str,
        scope: &str,
        hashes: &[String],
    ) -> Result<HashSet<String>, ToolError> {
        let mut known = HashSet::new();
        for part in hashes.chunks(500) {
            let rows: Vec<String> = on_db!(&self.db, pool => {
                let mut query = QueryBuilder::new("select text_hash from kb_embedding where model = ");
                query.push_bind(model).push(" and scope = ").push_bind(scope).push(" and text_hash in (");
                let mut list = query.separated(", ");
                for hash in part {
                    list.push_bind(hash.as_str());
                }
                query.push(")");
                query.build_query_scalar().fetch_all(pool).await
            })?;
            known.extend(rows);
        }
        Ok(known)
    }

    /// Keeps vectors of documents' passages and notes which chunks they are of. Nothing is kept for chunks that are gone.
    pub async fn put_vectors(
        &self,
        model: &str,
        vectors: Vec<NewVectors>,
        now: Millis,
    ) -> Result<(), ToolError> {
        if vectors.is_empty() {
            return Ok(());
        }
        let model = model.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    // After a purge nothing may come back: whoever purges holds the lock as well.
                    lock(&mut tx).await?;
                    for NewVectors { document, made, announced } in &vectors {
                        let kept = mark(&mut tx, document).await?;
                        for Made { hash, vector } in made.iter().filter(|made| kept.contains(made.hash.as_str())) {
                            let blob: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                            let sql = "insert into kb_embedding (model, scope, project_id, text_hash, vector, created_ms) \
                                       values ($1, $2, $3, $4, $5, $6) on conflict (model, scope, text_hash) do nothing";
                            on_tx!(tx, c => sqlx::query(sql).bind(&model).bind(&document.scope).bind(document.project_id.as_deref())
                                .bind(hash).bind(&blob).bind(now).execute(&mut **c).await.map(|_| ()))?;
                        }
                        if *announced && !kept.is_empty() {
                            announce(&mut tx, &document.scope, &document.document_id, Op::VECTORS, now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// How many documents of `realms` changed after outbox entry `seq`, counted up to [`MANY`]: they may wait for their vectors.
    pub async fn changed_after(&self, seq: i64, realms: &[Realm]) -> Result<i64, ToolError> {
        let [a, b] = [0, 1].map(|n| realms.get(n).map(ToString::to_string).unwrap_or_default());
        let sql = "select count(*) from (select distinct o.document_id from kb_outbox o join kb_document d on d.id = o.document_id \
                   where o.seq > $1 and o.op = 'put' and o.scope in ($2, $3) and d.deleted_ms is null limit $4) as waiting";
        Ok(
            on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(seq).bind(a).bind(b).bind(MANY).fetch_one(pool).await)?,
        )
    }
}

/// Notes the hashes of a document's passages with their chunks; the hashes of those that are still there.
async fn mark<'d>(tx: &mut Tx<'_>, document: &'d Passages) -> Result<HashSet<&'d str>, ToolError> {
    let mut kept = HashSet::new();
    let sql = "update kb_chunk set passage_hash = $2 where id = $1 and scope = $3";
    for passage in &document.passages {
        let rows = on_tx!(*tx, c => sqlx::query(sql).bind(&passage.chunk_id).bind(&passage.hash).bind(&document.scope)
            .execute(&mut **c).await.map(|done| done.rows_affected()))?;
        if rows == 1 {
            kept.insert(passage.hash.as_str());
        }
    }
    Ok(kept)
}

/// What a document can be chosen by.
pub fn facts(row: &DocumentRow) -> Result<DocumentFacts, ToolError> {
    Ok(DocumentFacts {
        tags: serde_json::from_str(&row.tags).map_err(ToolError::internal)?,
        document_id: row.id.as_str().into(),
        scope: row.scope.as_str().into(),
        collection: row.collection.as_deref().map(Into::into),
        form: row.form.as_str().into(),
        language: row.language.as_deref().map(Into::into),
        path: row.path.as_deref().map(Into::into),
        updated_ms: row.updated_ms,
    })
}

/// A vector from its bytes.
pub fn numbers(blob: &[u8]) -> Vec<f32> {
    let (numbers, _) = blob.as_chunks::<4>();
    numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

impl Passages {
    /// Its distinct texts by hash, without those that are `known`.
    pub(in crate::servers::knowledge_base) fn lacking(
        &self,
        known: &HashSet<String>,
    ) -> BTreeMap<String, String> {
        let lacking = self
            .passages
            .iter()
            .filter(|one| !known.contains(&one.hash));
        lacking
            .map(|one| (one.hash.clone(), one.text.clone()))
            .collect()
    }
}
