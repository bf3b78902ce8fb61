//! Changes of documents: rows and outbox in one transaction.

use serde_json::json;
use sqlx::QueryBuilder;

use crate::{
    base::{clock::Millis, ids::new_id},
    db::{Tx, parts},
    on_tx,
    servers::knowledge_base::{
        engine::chunk::Chunk,
        model::{Added, NewDocument, Outcome, Realm},
        store::{DocumentRow, KnowledgeStore},
    },
    tool::ToolError,
};

impl KnowledgeStore {
    /// Adds a document, or a version of the one with its identity. The same content again changes nothing.
    pub async fn add(
        &self,
        new: NewDocument,
        agent: &str,
        now: Millis,
    ) -> Result<Added, ToolError> {
        let agent = agent.to_owned();
        self.db
            .write(move |mut tx| Box::pin(async move { add(&mut tx, new, &agent, now).await }))
            .await
    }

    /// Deletes a document that is visible in `realm`: it answers nowhere any more, at once. `None` when there is none.
    /// The outbox entry after which the index has forgotten it.
    pub async fn delete(
        &self,
        realm: &Realm,
        id: &str,
        now: Millis,
    ) -> Result<Option<i64>, ToolError> {
        self.delete_in(&realm.to_string(), id, now).await
    }

    /// The same, where the document's scope is known as it is stored.
    pub async fn delete_in(
        &self,
        scope: &str,
        id: &str,
        now: Millis,
    ) -> Result<Option<i64>, ToolError> {
        let (scope, id) = (scope.to_owned(), id.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    delete(&mut tx, &scope, &id, now).await
                })
            })
            .await
    }
}

/// Adds one document after the other, in this transaction.
pub(super) async fn add_all(
    tx: &mut Tx<'_>,
    new: Vec<NewDocument>,
    agent: &str,
    now: Millis,
) -> Result<Vec<Added>, ToolError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    lock(tx).await?;
    let mut added = Vec::with_capacity(new.len());
    for document in new {
        added.push(put(tx, document, agent, now).await?);
    }
    Ok(added)
}

/// Adds one document, in this transaction.
pub(super) async fn add(
    tx: &mut Tx<'_>,
    new: NewDocument,
    agent: &str,
    now: Millis,
) -> Result<Added, ToolError> {
    let added = add_all(tx, vec![new], agent, now).await?.pop();
    added.ok_or_else(|| ToolError::internal("nothing was added"))
}

async fn put(
    tx: &mut Tx<'_>,
    new: NewDocument,
    agent: &str,
    now: Millis,
) -> Result<Added, ToolError> {
    let (scope, identity) = (new.realm.to_string(), new.identity());
    let find =
        "select * from kb_document where scope = $1 and identity = $2 and deleted_ms is null";
    let known: Option<DocumentRow> = on_tx!(*tx, c => sqlx::query_as(find).bind(&scope).bind(&identity)
        .fetch_optional(&mut **c).await)?;
    if let Some(row) = known.as_ref().filter(|row| same(row, &new)) {
        if row.content_hash != new.content_hash || row.source_id != new.source_id {
            let sql = "update kb_document set content_hash = $2, source_id = $3 where id = $1";
            on_tx!(*tx, c => sqlx::query(sql).bind(&row.id).bind(new.content_hash.as_deref())
                .bind(new.source_id.as_deref()).execute(&mut **c).await.map(|_| ()))?;
        }
        return Ok(Added {
            document_id: row.id.clone(),
            version: row.version,
            outcome: Outcome::Unchanged,
            seq: row.seq,
            chunks: row.chunks,
        });
    }
    let (document_id, version, outcome) = match known {
        Some(row) => (row.id, row.version + 1, Outcome::Updated),
        None => (new_id("doc"), 1, Outcome::Created),
    };
    let seq = announce(tx, &scope, &document_id, "put", now).await?;
    let place = Place {
        document: &document_id,
        scope: &scope,
        version,
    };
    put_document(tx, &new, &place, (&identity, seq), (agent, now)).await?;
    put_chunks(tx, &new.chunks, &place).await?;
    Ok(Added {
        document_id,
        version,
        outcome,
        seq,
        chunks: new.chunks.len() as i64,
    })
}

/// Where rows of a document belong.
struct Place<'p> {
    document: &'p str,
    scope: &'p str,
    version: i64,
}

async fn put_document(
    tx: &mut Tx<'_>,
    new: &NewDocument,
    place: &Place<'_>,
    (identity, seq): (&str, i64),
    (agent, now): (&str, Millis),
) -> Result<(), ToolError> {
    let put = "insert into kb_document (id, scope, project_id, identity, external_id, title, uri, collection, form, \
               metadata, version, text_hash, bytes, chunks, seq, created_by, created_ms, updated_ms, language, path, \
               tags, source_id, content_hash) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, $19, $20, \
               $21, $22) \
               on conflict (id) do update set title = excluded.title, uri = excluded.uri, \
               collection = excluded.collection, form = excluded.form, metadata = excluded.metadata, \
               version = excluded.version, text_hash = excluded.text_hash, bytes = excluded.bytes, \
               chunks = excluded.chunks, seq = excluded.seq, updated_ms = excluded.updated_ms, \
               language = excluded.language, path = excluded.path, tags = excluded.tags, \
               source_id = excluded.source_id, content_hash = excluded.content_hash";
    let tags = serde_json::to_string(&new.tags).map_err(ToolError::internal)?;
    on_tx!(*tx, c => sqlx::query(put).bind(place.document).bind(place.scope).bind(new.realm.project()).bind(identity)
        .bind(new.external_id.as_deref()).bind(&new.title).bind(new.uri.as_deref()).bind(new.collection.as_deref())
        .bind(new.format.as_str()).bind(&new.metadata).bind(place.version).bind(&new.text_hash)
        .bind(new.text.len() as i64).bind(new.chunks.len() as i64).bind(seq).bind(agent).bind(now)
        .bind(new.language.as_deref()).bind(new.path.as_deref()).bind(&tags).bind(new.source_id.as_deref())
        .bind(new.content_hash.as_deref()).execute(&mut **c).await.map(|_| ()))?;
    let put = "insert into kb_version (document_id, version, scope, text, text_hash, created_by, created_ms) \
               values ($1, $2, $3, $4, $5, $6, $7)";
    on_tx!(*tx, c => sqlx::query(put).bind(place.document).bind(place.version).bind(place.scope).bind(&new.text)
        .bind(&new.text_hash).bind(agent).bind(now).execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}

async fn put_chunks(
    tx: &mut Tx<'_>,
    chunks: &[(Chunk, String)],
    place: &Place<'_>,
) -> Result<(), ToolError> {
    let mut ordinal = 0_i64;
    for part in parts(chunks) {
        on_tx!(*tx, c => {
            let mut query = QueryBuilder::new(
                "insert into kb_chunk (id, document_id, version, scope, ordinal, byte_start, byte_end, line_start, \
                 line_end, heading_path, text_hash, symbol, tokens) ",
            );
            query.push_values(part.iter().zip(ordinal..), |mut row, ((chunk, hash), ordinal)| {
                row.push_bind(new_id("chk")).push_bind(place.document).push_bind(place.version)
                    .push_bind(place.scope).push_bind(ordinal).push_bind(chunk.bytes.start as i64)
                    .push_bind(chunk.bytes.end as i64).push_bind(i64::from(chunk.first_line))
                    .push_bind(i64::from(chunk.last_line)).push_bind(json!(chunk.heading_path).to_string())
                    .push_bind(hash.as_str()).push_bind(chunk.symbol.as_deref()).push_bind(i64::from(chunk.tokens));
            });
            query.build().execute(&mut **c).await.map(|_| ())
        })?;
        ordinal += part.len() as i64;
    }
    Ok(())
}

/// Whether `new` would change nothing of `row`.
fn same(row: &DocumentRow, new: &NewDocument) -> bool {
    row.text_hash == new.text_hash
        && row.title == new.title
        && row.uri == new.uri
        && row.collection == new.collection
        && row.form == new.format.as_str()
        && row.metadata == new.metadata
        && row.language == new.language
        && row.path == new.path
        && serde_json::to_string(&new.tags).is_ok_and(|tags| tags == row.tags)
}

/// Deletes a document, after [`lock`].
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    scope: &str,
    id: &str,
    now: Millis,
) -> Result<Option<i64>, ToolError> {
    let sql = "update kb_document set deleted_ms = $3, updated_ms = $3 \
               where id = $1 and scope = $2 and deleted_ms is null";
    let rows = on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(scope).bind(now).execute(&mut **c).await
        .map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(None);
    }
    announce(tx, scope, id, "delete", now).await.map(Some)
}

/// Makes writers wait for one another until they commit, so that a number's order is the commit's order and identities
/// do not race. On SQLite there is one writer anyway.
pub(super) async fn lock(tx: &mut Tx<'_>) -> Result<(), ToolError> {
    let sql = "update kb_counter set value = value where name = 'seq'";
    Ok(on_tx!(*tx, c => sqlx::query(sql).execute(&mut **c).await.map(|_| ()))?)
}

/// Writes the outbox entry of a change and answers its number.
pub(super) async fn announce(
    tx: &mut Tx<'_>,
    scope: &str,
    document: &str,
    op: &str,
    now: Millis,
) -> Result<i64, ToolError> {
    let next = "update kb_counter set value = value + 1 where name = 'seq' returning value";
    let seq: i64 = on_tx!(*tx, c => sqlx::query_scalar(next).fetch_one(&mut **c).await)?;
    let sql = "insert into kb_outbox (seq, scope, document_id, op, created_ms) values ($1, $2, $3, $4, $5)";
    on_tx!(*tx, c => sqlx::query(sql).bind(seq).bind(scope).bind(document).bind(op).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(seq)
}
