//! The index on disk: one writer kept alive, one reader reloaded after each commit.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term,
    collector::TopDocs,
    directory::MmapDirectory,
    indexer::{IndexWriterOptions, LogMergePolicy},
    schema::Value,
};

use super::{
    Change, Filter, Found, LexicalError, Payload, Put, Query, SCHEMA_VERSION,
    schema::{self, Fields},
    statistics::{Known, ScopeStatistics},
};

/// Memory of the one indexing thread, in bytes; tantivy's least is 15 MB.
const WRITER_MEMORY: usize = 24 << 20;
/// Deletes alone start no merge otherwise, and a document's every change is a delete.
const DELETED_BEFORE_MERGE: f32 = 0.2;

/// An open index.
pub struct LexicalIndex {
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
    pub(super) writer: Mutex<IndexWriter>,
    counted: Mutex<Known>,
}

/// An index and what it says of itself.
pub struct Opened {
    /// The index.
    pub index: LexicalIndex,
    /// What its last commit was; nothing for a new index, one of another schema, or one whose filling was cut short.
    pub payload: Option<Payload>,
}

impl LexicalIndex {
    /// Opens the index in `dir`. One that cannot be read, or that another version wrote, is emptied.
    pub fn open(dir: &Path) -> Result<Opened, LexicalError> {
        std::fs::create_dir_all(dir)?;
        match existing(dir) {
            Some((index, payload)) => Self::with(index, payload),
            None => Self::with(create(dir)?, None),
        }
    }

    /// Opens the index in `dir`, if there is one of this version that can be read.
    pub fn read(dir: &Path) -> Result<Option<Opened>, LexicalError> {
        let found = existing(dir).map(|(index, payload)| Self::with(index, payload));
        found.transpose()
    }

    fn with(index: Index, payload: Option<Payload>) -> Result<Opened, LexicalError> {
        let (_, fields) = schema::schema();
        schema::register(&index);
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(WRITER_MEMORY)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter = index.writer_with_options(options)?;
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(DELETED_BEFORE_MERGE);
        writer.set_merge_policy(Box::new(merging));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let index = Self {
            reader,
            fields,
            writer: Mutex::new(writer),
            counted: Mutex::default(),
        };
        Ok(Opened { index, payload })
    }

    /// Makes `changes` durable and visible in one commit that carries `payload`. After an error nothing of it is there.
    pub fn apply(
        &self,
        changes: Vec<Change>,
        payload: Option<Payload>,
    ) -> Result<(), LexicalError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.write(&mut writer, changes, payload);
        if done.is_err() {
            writer.rollback()?;
        }
        done?;
        self.reader.reload()?;
        Ok(())
    }

    fn write(
        &self,
        writer: &mut IndexWriter,
        changes: Vec<Change>,
        payload: Option<Payload>,
    ) -> Result<(), LexicalError> {
        let remove = |id: &str| Term::from_field_text(self.fields.document_id, id);
        for change in changes {
            match change {
                Change::Remove { document_id } => {
                    writer.delete_term(remove(&document_id));
                }
                Change::Put(put) => {
                    writer.delete_term(remove(&put.document_id));
                    self.add(writer, put)?;
                }
            }
        }
        let mut commit = writer.prepare_commit()?;
        if let Some(payload) = payload {
            let text = serde_json::to_string(&payload).map_err(std::io::Error::from)?;
            commit.set_payload(&text);
        }
        commit.commit()?;
        Ok(())
    }

    fn add(&self, writer: &IndexWriter, put: Put) -> Result<(), LexicalError> {
        let fields = &self.fields;
        for entry in put.entries {
            let mut document = TantivyDocument::new();
            document.add_text(fields.chunk_id, entry.chunk_id);
            document.add_text(fields.document_id, &put.document_id);
            document.add_text(fields.scope, &put.scope);
            if let Some(collection) = &put.collection {
                document.add_text(fields.collection, collection);
            }
            document.add_text(fields.title, entry.title);
            document.add_text(fields.heading, entry.heading);
            document.add_text(fields.exact, &entry.text);
            document.add_text(fields.body, entry.text);
            writer.add_document(document)?;
        }
        Ok(())
    }

    /// The best chunks for `query` from place `offset` on, best first.
    pub fn search(
        &self,
        query: &Query,
        filter: &Filter,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Found>, LexicalError> {
        if query.is_empty() || filter.scopes.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let wanted = TopDocs::with_limit(limit)
            .and_offset(offset)
            .order_by_score();
        let counts =
            ScopeStatistics::new(&searcher, self.fields.scope, &filter.scopes, &self.counted)?;
        let query = query.build(&self.fields, filter);
        let hits = searcher.search_with_statistics_provider(&*query, &wanted, &counts)?;
        let mut found = Vec::with_capacity(hits.len());
        for (score, address) in hits {
            let document: TantivyDocument = searcher.doc(address)?;
            let text = |field| {
                let value = document.get_first(field).and_then(|value| value.as_str());
                value.unwrap_or_default().to_owned()
            };
            found.push(Found {
                chunk_id: text(self.fields.chunk_id),
                text: text(self.fields.body),
                score,
            });
        }
        Ok(found)
    }

    /// Chunks in the index.
    pub fn chunks(&self) -> u64 {
        self.reader.searcher().num_docs()
    }
}

/// The index in `dir`, if it is one of this version.
fn existing(dir: &Path) -> Option<(Index, Option<Payload>)> {
    let index = Index::open_in_dir(dir).ok()?;
    let payload = index.load_metas().ok()?.payload;
    let payload: Option<Payload> = payload.and_then(|text| serde_json::from_str(&text).ok());
    let (schema, _) = schema::schema();
    let ours = index.schema() == schema && payload.is_none_or(|p| p.schema == SCHEMA_VERSION);
    ours.then_some((index, payload))
}

fn create(dir: &Path) -> Result<Index, LexicalError> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    let (schema, _) = schema::schema();
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    Ok(Index::create(
        directory,
        schema,
        tantivy::IndexSettings::default(),
    )?)
}
