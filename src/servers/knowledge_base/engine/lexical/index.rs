//! The index on disk: one writer kept alive, one reader reloaded after each commit.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term,
    directory::MmapDirectory,
    indexer::{IndexWriterOptions, LogMergePolicy},
};

use super::{
    Change, LexicalError, Payload, Put, SCHEMA_VERSION,
    schema::{self, Fields},
    statistics::Known,
};

/// Memory of the one indexing thread, in bytes; tantivy's least is 15 MB.
const WRITER_MEMORY: usize = 24 << 20;
/// Segments of about one size that are made one: half of tantivy's 8, for each segment costs a search as much as its words do.
const MERGED: usize = 4;
/// Deletes alone start no merge otherwise, and a document's every change is a delete.
const DELETED_BEFORE_MERGE: f32 = 0.2;

/// An open index.
pub struct LexicalIndex {
    directory: MmapDirectory,
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
    pub(super) writer: Mutex<IndexWriter>,
    pub(super) counted: Mutex<Known>,
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
        let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
        let (index, payload) = match existing(&directory) {
            Some(found) => found,
            None => (create(dir, &directory)?, None),
        };
        Self::with(directory, index, payload)
    }

    /// Opens the index in `dir`, if there is one of this version that can be read.
    pub fn read(dir: &Path) -> Result<Option<Opened>, LexicalError> {
        let Ok(directory) = MmapDirectory::open(dir) else {
            return Ok(None);
        };
        let found = existing(&directory);
        let opened = found.map(|(index, payload)| Self::with(directory, index, payload));
        opened.transpose()
    }

    fn with(
        directory: MmapDirectory,
        index: Index,
        payload: Option<Payload>,
    ) -> Result<Opened, LexicalError> {
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
        merging.set_min_num_segments(MERGED);
        writer.set_merge_policy(Box::new(merging));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let index = Self {
            directory,
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
        // tantivy's directory remembers every file that it ever mapped, and forgets those that are gone when it is asked this alone.
        self.directory.get_cache_info();
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
                    writer.delete_term(remove(&put.facts.document_id));
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
        let (fields, facts) = (&self.fields, put.facts);
        for entry in put.entries {
            let mut document = TantivyDocument::new();
            document.add_text(fields.chunk_id, entry.chunk_id);
            let maybe = [
                (fields.collection, &facts.collection),
                (fields.language, &facts.language),
                (fields.path, &facts.path),
            ];
            let always = [
                (fields.document_id, &facts.document_id),
                (fields.scope, &facts.scope),
                (fields.form, &facts.form),
            ];
            let given = maybe
                .into_iter()
                .filter_map(|(field, text)| Some((field, text.as_ref()?)));
            let tags = facts.tags.iter().map(|tag| (fields.tag, tag));
            for (field, text) in always.into_iter().chain(given).chain(tags) {
                document.add_text(field, text);
            }
            document.add_i64(fields.updated, facts.updated_ms);
            document.add_text(fields.title, entry.title);
            document.add_text(fields.heading, entry.heading);
            if let Some(symbol) = entry.symbol {
                document.add_text(fields.heading, symbol);
            }
            document.add_text(fields.exact, &entry.text);
            document.add_text(fields.body, entry.text);
            writer.add_document(document)?;
        }
        Ok(())
    }

    /// Chunks in the index.
    pub fn chunks(&self) -> u64 {
        self.reader.searcher().num_docs()
    }
}

/// Reads all of the index in `dir`, whoever writes to it: whether it is one, and its checksums are right. One of another version is
/// sound too.
pub fn sound(dir: &Path) -> Result<(), LexicalError> {
    let index = Index::open_in_dir(dir)?;
    schema::register(&index);
    let damaged = index.validate_checksum()?;
    match damaged.iter().next() {
        None => Ok(()),
        Some(file) => {
            let problem = format!("the checksum of {} is wrong", file.display());
            Err(tantivy::TantivyError::SystemError(problem).into())
        }
    }
}

/// The index in `directory`, if it is one of this version.
fn existing(directory: &MmapDirectory) -> Option<(Index, Option<Payload>)> {
    let index = Index::open(directory.clone()).ok()?;
    let payload = index.load_metas().ok()?.payload;
    let payload: Option<Payload> = payload.and_then(|text| serde_json::from_str(&text).ok());
    let (schema, _) = schema::schema();
    let ours = index.schema() == schema && payload.is_none_or(|p| p.schema == SCHEMA_VERSION);
    ours.then_some((index, payload))
}

fn create(dir: &Path, directory: &MmapDirectory) -> Result<Index, LexicalError> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    let (schema, _) = schema::schema();
    Ok(Index::create(
        directory.clone(),
        schema,
        tantivy::IndexSettings::default(),
    )?)
}
