//! Documents into rows, with statements for many at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use sqlx::QueryBuilder;

use super::{DocumentRow, write::numbers};
use crate::{
    base::{clock::Millis, ids::new_id},
    db::{Tx, parts},
    on_tx,
    servers::knowledge_base::model::{Added, NewDocument, Outcome},
    tool::ToolError,
};

/// Scope and identity of a document.
type Key = (String, String);

/// Adds documents in their order, after [`lock`](super::write::lock). The same content again changes nothing.
pub(super) async fn put(
    tx: &mut Tx<'_>,
    new: &[NewDocument],
    agent: &str,
    now: Millis,
) -> Result<Vec<Added>, ToolError> {
    let mut added = Vec::with_capacity(new.len());
    let mut rest = new;
    while !rest.is_empty() {
        // A document that comes twice becomes a version of itself.
        let mut seen = HashSet::new();
        let count = rest.iter().take_while(|one| seen.insert(key(one))).count();
        let (part, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        added.extend(put_apart(tx, part, agent, now).await?);
        rest = after;
    }
    Ok(added)
}

fn key(new: &NewDocument) -> Key {
    (new.realm.to_string(), new.identity())
}

/// A document to write, and where it belongs.
struct Place<'n> {
    new: &'n NewDocument,
    scope: String,
    identity: String,
    id: String,
    version: i64,
    seq: i64,
}

/// Adds documents of which none has the identity of another.
async fn put_apart(
    tx: &mut Tx<'_>,
    new: &[NewDocument],
    agent: &str,
    now: Millis,
) -> Result<Vec<Added>, ToolError> {
    let keys: Vec<Key> = new.iter().map(key).collect();
    let known = known(tx, &keys).await?;
    let row = |key: &Key| known.get(key);
    let is_same = |(new, key): &(&NewDocument, &Key)| row(key).is_some_and(|row| same(row, new));
    let changed = new.len() - new.iter().zip(&keys).filter(is_same).count();
    let mut seqs = numbers(tx, changed).await?;
    let mut added = Vec::with_capacity(new.len());
    let mut places = Vec::with_capacity(changed);
    for (new, key) in new.iter().zip(&keys) {
        let row = row(key);
        if let Some(row) = row.filter(|row| same(row, new)) {
            follow(tx, row, new).await?;
            added.push(Added {
                document_id: row.id.clone(),
                version: row.version,
                outcome: Outcome::Unchanged,
                seq: row.seq,
                chunks: row.chunks,
            });
            continue;
        }
        let (id, version, outcome) = match row {
            Some(row) => (row.id.clone(), row.version + 1, Outcome::Updated),
            None => (new_id("doc"), 1, Outcome::Created),
        };
        let seq = seqs.next().unwrap_or_default();
        added.push(Added {
            document_id: id.clone(),
            version,
            outcome,
            seq,
            chunks: new.chunks.len() as i64,
        });
        let (scope, identity) = key.clone();
        places.push(Place {
            new,
            scope,
            identity,
            id,
            version,
            seq,
        });
    }
    for part in parts(&places) {
        put_outbox(tx, part, now).await?;
        put_documents(tx, part, agent, now).await?;
        put_versions(tx, part, agent, now).await?;
    }
    put_chunks(tx, &places).await?;
    Ok(added)
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    identity: String,
    #[sqlx(flatten)]
    row: DocumentRow,
}

/// The documents there are with these keys.
async fn known(tx: &mut Tx<'_>, keys: &[Key]) -> Result<HashMap<Key, DocumentRow>, ToolError> {
    // Scope by scope: with a list of pairs SQLite would read the whole table.
    let mut scopes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (scope, identity) in keys {
        scopes.entry(scope).or_default().push(identity);
    }
    let mut known = HashMap::new();
    for (scope, identities) in scopes {
        for part in parts(&identities) {
            let rows: Vec<KnownRow> = on_tx!(*tx, c => {
                let mut query = QueryBuilder::new("select * from kb_document where deleted_ms is null and scope = ");
                query.push_bind(scope).push(" and identity in (");
                let mut list = query.separated(", ");
                for identity in part {
                    list.push_bind(*identity);
                }
                query.push(")");
                query.build_query_as().fetch_all(&mut **c).await
            })?;
            let keyed = rows
                .into_iter()
                .map(|one| ((scope.to_owned(), one.identity), one.row));
            known.extend(keyed);
        }
    }
    Ok(known)
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

/// Notes from which bytes and which source a document that is the same came this time.
async fn follow(tx: &mut Tx<'_>, row: &DocumentRow, new: &NewDocument) -> Result<(), ToolError> {
    if row.content_hash == new.content_hash && row.source_id == new.source_id {
        return Ok(());
    }
    let sql = "update kb_document set content_hash = $2, source_id = $3 where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(&row.id).bind(new.content_hash.as_deref())
        .bind(new.source_id.as_deref()).execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}

async fn put_outbox(tx: &mut Tx<'_>, places: &[Place<'_>], now: Millis) -> Result<(), ToolError> {
    on_tx!(*tx, c => {
        let mut query = QueryBuilder::new("insert into kb_outbox (seq, scope, document_id, op, created_ms) ");
        query.push_values(places, |mut row, place| {
            row.push_bind(place.seq).push_bind(place.scope.as_str()).push_bind(place.id.as_str())
                .push_bind("put").push_bind(now);
        });
        query.build().execute(&mut **c).await.map(|_| ())
    })?;
    Ok(())
}

async fn put_documents(
    tx: &mut Tx<'_>,
    places: &[Place<'_>],
    agent: &str,
    now: Millis,
) -> Result<(), ToolError> {
    on_tx!(*tx, c => {
        let mut query = QueryBuilder::new(
            "insert into kb_document (id, scope, project_id, identity, external_id, title, uri, collection, form, \
             metadata, version, text_hash, bytes, chunks, seq, created_by, created_ms, updated_ms, language, path, tags, \
             source_id, content_hash) ",
        );
        query.push_values(places, |mut row, place| {
            let new = place.new;
            row.push_bind(place.id.as_str()).push_bind(place.scope.as_str()).push_bind(new.realm.project())
                .push_bind(place.identity.as_str()).push_bind(new.external_id.as_deref())
                .push_bind(new.title.as_str()).push_bind(new.uri.as_deref()).push_bind(new.collection.as_deref())
                .push_bind(new.format.as_str()).push_bind(new.metadata.as_str()).push_bind(place.version)
                .push_bind(new.text_hash.as_str()).push_bind(new.text.len() as i64)
                .push_bind(new.chunks.len() as i64).push_bind(place.seq).push_bind(agent).push_bind(now).push_bind(now)
                .push_bind(new.language.as_deref()).push_bind(new.path.as_deref())
                .push_bind(json!(new.tags).to_string()).push_bind(new.source_id.as_deref())
                .push_bind(new.content_hash.as_deref());
        });
        query.push(
            " on conflict (id) do update set title = excluded.title, uri = excluded.uri, \
             collection = excluded.collection, form = excluded.form, metadata = excluded.metadata, \
             version = excluded.version, text_hash = excluded.text_hash, bytes = excluded.bytes, \
             chunks = excluded.chunks, seq = excluded.seq, updated_ms = excluded.updated_ms, \
             language = excluded.language, path = excluded.path, tags = excluded.tags, \
             source_id = excluded.source_id, content_hash = excluded.content_hash",
        );
        query.build().execute(&mut **c).await.map(|_| ())
    })?;
    Ok(())
}

async fn put_versions(
    tx: &mut Tx<'_>,
    places: &[Place<'_>],
    agent: &str,
    now: Millis,
) -> Result<(), ToolError> {
    on_tx!(*tx, c => {
        let mut query = QueryBuilder::new(
            "insert into kb_version (document_id, version, scope, text, text_hash, created_by, created_ms) ",
        );
        query.push_values(places, |mut row, place| {
            row.push_bind(place.id.as_str()).push_bind(place.version).push_bind(place.scope.as_str())
                .push_bind(place.new.text.as_str()).push_bind(place.new.text_hash.as_str()).push_bind(agent)
                .push_bind(now);
        });
        query.build().execute(&mut **c).await.map(|_| ())
    })?;
    Ok(())
}

async fn put_chunks(tx: &mut Tx<'_>, places: &[Place<'_>]) -> Result<(), ToolError> {
    let chunks = |place| {
        let Place { new, .. }: &Place<'_> = place;
        (0_i64..).zip(&new.chunks).map(move |chunk| (place, chunk))
    };
    let chunks: Vec<_> = places.iter().flat_map(chunks).collect();
    for part in parts(&chunks) {
        on_tx!(*tx, c => {
            let mut query = QueryBuilder::new(
                "insert into kb_chunk (id, document_id, version, scope, ordinal, byte_start, byte_end, line_start, \
                 line_end, heading_path, text_hash, symbol, tokens) ",
            );
            query.push_values(part, |mut row, (place, (ordinal, (chunk, hash)))| {
                row.push_bind(new_id("chk")).push_bind(place.id.as_str()).push_bind(place.version)
                    .push_bind(place.scope.as_str()).push_bind(*ordinal).push_bind(chunk.bytes.start as i64)
                    .push_bind(chunk.bytes.end as i64).push_bind(i64::from(chunk.first_line))
                    .push_bind(i64::from(chunk.last_line)).push_bind(json!(chunk.heading_path).to_string())
                    .push_bind(hash.as_str()).push_bind(chunk.symbol.as_deref()).push_bind(i64::from(chunk.tokens));
            });
            query.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}
