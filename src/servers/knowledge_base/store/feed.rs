//! What the caches read: documents with their chunks or vectors, many at a time.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use crate::{
    on_db, on_tx,
    servers::knowledge_base::{
        engine::{
            lexical::{Change, Entry, Put},
            vectors::DocumentFacts,
        },
        store::{DocumentRow, KnowledgeStore, VectorRows, facts, numbers},
    },
    tool::ToolError,
};

/// Documents that one statement asks for.
const TOGETHER: usize = 100;

/// A chunk's place, headings and symbol.
#[derive(sqlx::FromRow)]
struct Place {
    document_id: String,
    version: i64,
    id: String,
    byte_start: i64,
    byte_end: i64,
    heading_path: String,
    symbol: Option<String>,
}

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

    /// Those of `ids` that are live, by their ids.
    async fn live_rows(&self, ids: &[String]) -> Result<HashMap<String, DocumentRow>, ToolError> {
        let mut live = HashMap::with_capacity(ids.len());
        for part in ids.chunks(TOGETHER) {
            let rows: Vec<DocumentRow> = on_db!(&self.db, pool => {
                let mut query = QueryBuilder::new("select * from kb_document d where d.deleted_ms is null and ");
                among(&mut query, part);
                query.build_query_as().fetch_all(pool).await
            })?;
            live.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        Ok(live)
    }

    /// What the index should hold now of the first of `ids`, in their order: of one at least, and of as many as have `bytes` of
    /// text together.
    pub async fn changes(&self, ids: &[String], bytes: usize) -> Result<Vec<Change>, ToolError> {
        let mut live = self.live_rows(ids).await?;
        let weight = |id: &String| live.get(id).map_or(0, |row| row.bytes);
        let ids = ids
            .get(..first(ids.iter().map(weight), bytes))
            .unwrap_or(ids);
        let present: Vec<String> = ids
            .iter()
            .filter(|id| live.contains_key(*id))
            .cloned()
            .collect();
        let mut texts = HashMap::with_capacity(present.len());
        let mut places: HashMap<String, Vec<Place>> = HashMap::with_capacity(present.len());
        for part in present.chunks(TOGETHER) {
            let rows: Vec<(String, i64, String)> = on_db!(&self.db, pool => {
                let mut query = QueryBuilder::new(
                    "select d.id, v.version, v.text from kb_document d join kb_version v \
                     on v.document_id = d.id and v.version = d.version where ",
                );
                among(&mut query, part);
                query.build_query_as().fetch_all(pool).await
            })?;
            texts.extend(
                rows.into_iter()
                    .map(|(id, version, text)| (id, (version, text))),
            );
            let rows: Vec<Place> = on_db!(&self.db, pool => {
                let mut query = QueryBuilder::new(
                    "select c.document_id, c.version, c.id, c.byte_start, c.byte_end, c.heading_path, c.symbol \
                     from kb_document d join kb_chunk c on c.document_id = d.id and c.version = d.version where ",
                );
                among(&mut query, part);
                query.push(" order by c.document_id, c.ordinal");
                query.build_query_as().fetch_all(pool).await
            })?;
            for place in rows {
                places
                    .entry(place.document_id.clone())
                    .or_default()
                    .push(place);
            }
        }
        let mut change = |id: &String| {
            let row = live.remove(id);
            // A version that came in between has an entry of its own in the outbox.
            let text = texts
                .remove(id)
                .filter(|(version, _)| row.as_ref().is_some_and(|row| row.version == *version));
            let (Some(row), Some((version, text))) = (row, text) else {
                let document_id = id.clone();
                return Ok(Change::Remove { document_id });
            };
            let places = places.remove(id).unwrap_or_default();
            let own = places.into_iter().filter(|place| place.version == version);
            let entries = own
                .map(|place| place.entry(&row.title, &text))
                .collect::<Result<_, _>>()?;
            let facts = facts(&row)?;
            Ok(Change::Put(Put { facts, entries }))
        };
        ids.iter().map(&mut change).collect()
    }

    /// What is kept in memory of the first of `ids`: facts, and vectors by `model` of those of its chunks that have one. `None`
    /// stands for a document that is gone. Of one at least, and of as many as have `chunks` together.
    pub async fn vectors(
        &self,
        model: &str,
        ids: &[String],
        chunks: usize,
    ) -> Result<Vec<Option<(DocumentFacts, VectorRows)>>, ToolError> {
        let live = self.live_rows(ids).await?;
        let weight = |id: &String| live.get(id).map_or(0, |row| row.chunks);
        let ids = ids
            .get(..first(ids.iter().map(weight), chunks))
            .unwrap_or(ids);
        let mut rows: HashMap<String, VectorRows> = HashMap::with_capacity(ids.len());
        for part in ids.chunks(TOGETHER) {
            let found: Vec<(String, String, Vec<u8>)> = on_db!(&self.db, pool => {
                let mut query = QueryBuilder::new(
                    "select d.id, c.id, e.vector from kb_document d join kb_chunk c on c.document_id = d.id and c.version = d.version \
                     join kb_embedding e on e.scope = c.scope and e.text_hash = c.passage_hash and e.model = ",
                );
                query.push_bind(model).push(" where ");
                among(&mut query, part);
                query.push(" order by d.id, c.ordinal");
                query.build_query_as().fetch_all(pool).await
            })?;
            for (document, chunk, vector) in found {
                rows.entry(document)
                    .or_default()
                    .push((chunk, numbers(&vector)));
            }
        }
        let mut held = |id: &String| {
            let row = live.get(id);
            row.map(|row| Ok((facts(row)?, rows.remove(id).unwrap_or_default())))
                .transpose()
        };
        ids.iter().map(&mut held).collect()
    }
}

/// How many come before `room` is full, but one at least.
fn first(weights: impl Iterator<Item = i64>, room: usize) -> usize {
    let mut sum = 0;
    let fits = weights.take_while(|weight| {
        sum += usize::try_from(*weight).unwrap_or(0);
        sum <= room
    });
    fits.count().max(1)
}

/// The condition that a document is one of `ids`.
fn among<D: sqlx::Database>(query: &mut QueryBuilder<D>, ids: &[String])
where
    String: sqlx::Type<D> + for<'q> sqlx::Encode<'q, D>,
{
    query.push("d.id in (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.clone());
    }
    query.push(")");
}

impl Place {
    fn entry(self, title: &str, text: &str) -> Result<Entry, ToolError> {
        let path: Vec<String> =
            serde_json::from_str(&self.heading_path).map_err(ToolError::internal)?;
        let start = usize::try_from(self.byte_start).map_err(ToolError::internal)?;
        let end = usize::try_from(self.byte_end).map_err(ToolError::internal)?;
        Ok(Entry {
            chunk_id: self.id,
            title: title.to_owned(),
            heading: path.join(" "),
            symbol: self.symbol,
            text: text.get(start..end).unwrap_or_default().to_owned(),
        })
    }
}
