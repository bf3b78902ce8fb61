//! A job of kind sync: a folder or repository is read, and the knowledge base made to hold what is in it.

use std::collections::{HashMap, HashSet, VecDeque};

use futures::{StreamExt, stream};
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Content, Ingest,
    batch::{ABREAST, failed},
    place::{Listed, Origin},
    request::About,
    runner::{Hand, Left},
};
use crate::{
    project::Scope,
    servers::knowledge_base::{
        engine::extract::{format_told, is_packed, looks_binary},
        model::{JobReport, NewDocument, Realm},
        store::{Known, Step},
    },
    tool::ToolError,
};

/// Files of one step.
const STEP: usize = 64;
/// Bytes of one step: bounds the memory.
const STEP_BYTES: usize = 16 << 20;

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// For whom.
    pub by: Scope,
    /// Whether every project may read it.
    pub global: bool,
    /// Where it is.
    pub origin: Origin,
    /// The folder in it; empty for all of it.
    pub path: String,
    /// Only files that match one of these; all if there is none.
    pub include: Vec<String>,
    /// No files that match one of these.
    pub exclude: Vec<String>,
    /// Whether documents go that are not in the listing.
    pub delete_missing: bool,
    /// The collection of its documents.
    pub collection: Option<String>,
    /// The tags of its documents.
    pub tags: Vec<String>,
}

impl Sync {
    /// The source that it reads, by which its documents are named.
    pub fn locator(&self) -> String {
        match self.path.as_str() {
            "" => self.origin.locator(),
            path => format!("{}/{path}", self.origin.locator()),
        }
    }

    fn realm(&self) -> Realm {
        if self.global {
            Realm::Global
        } else {
            Realm::Project(self.by.project.clone())
        }
    }

    /// What decides how its documents come out: they are read again when it changes.
    fn settings(&self) -> String {
        serde_json::json!([self.collection, self.tags]).to_string()
    }
}

/// Patterns as one set.
pub fn globs(patterns: &[String], pointer: &str) -> Result<GlobSet, ToolError> {
    let mut set = GlobSetBuilder::new();
    for (at, pattern) in patterns.iter().enumerate() {
        let glob = Glob::new(pattern).map_err(|error| {
            ToolError::invalid(format!("{pointer}/{at}"), error.kind().to_string())
        })?;
        set.add(glob);
    }
    set.build()
        .map_err(|error| ToolError::invalid(pointer, error.to_string()))
}

/// A file as it was read.
enum Read {
    /// The bytes are those that are known.
    Same,
    /// No document: binary, or empty.
    Skipped,
    Bytes(Vec<u8>, Option<String>),
}

/// A file's place in the listing, its path, and how it was read.
type Outcome = (i64, String, Result<Read, ToolError>);

/// Reads the source to its end.
pub async fn run(hand: &mut Hand<'_>) -> Result<(), Left> {
    let ingest = hand.ingest;
    let wanted: Sync = serde_json::from_str(&hand.job.request).map_err(ToolError::internal)?;
    let (store, now) = (&ingest.0.store, ingest.0.clock.now());
    let (source, settings) = store
        .source(
            &wanted.realm(),
            &wanted.locator(),
            wanted.by.agent.as_str(),
            now,
        )
        .await?;
    let (listed, revision) = ingest.list(wanted.clone()).await?;
    let mut known = store.source_documents(&source).await?;
    // Taken up again it counts from the start: what it did before is found unchanged.
    store.begin_sync(&hand.job.id, listed.len() as i64).await?;
    hand.report = JobReport::default();
    let names: HashSet<String> = listed
        .iter()
        .map(|file| name(&wanted, &file.path))
        .collect();
    let missing: Vec<String> = known
        .iter()
        .filter(|(name, _)| wanted.delete_missing && !names.contains(*name))
        .map(|(_, (id, _))| id.clone())
        .collect();
    if names.is_empty() && !missing.is_empty() {
        return Err(
            ToolError::conflict("the source is empty, and all its documents would go")
                .hint("delete_document with this source deletes them")
                .into(),
        );
    }
    if settings != wanted.settings() {
        // Every document is to come out anew.
        for (_, hash) in known.values_mut() {
            *hash = None;
        }
    }
    let mut rest: VecDeque<(usize, Listed)> = listed.into_iter().enumerate().collect();
    while !rest.is_empty() {
        hand.check()?;
        let step = ingest.step(&wanted, &source, &mut rest, &known).await?;
        hand.step(step).await?;
    }
    for part in missing.chunks(STEP) {
        let step = Step {
            delete: part.to_vec(),
            ..Step::default()
        };
        hand.step(step).await?;
    }
    let now = ingest.0.clock.now();
    Ok(store
        .source_read(&source, wanted.settings(), revision, now)
        .await?)
}

/// What a file's document is called.
fn name(wanted: &Sync, path: &str) -> String {
    format!("{}/{path}", wanted.origin.locator())
}

impl Ingest {
    /// The files that are wanted, all of them, and the commit they are of.
    async fn list(&self, wanted: Sync) -> Result<(Vec<Listed>, Option<String>), ToolError> {
        let ingest = self.clone();
        self.0
            .pool
            .run(move |stop| {
                let include = globs(&wanted.include, "/include")?;
                let exclude = globs(&wanted.exclude, "/exclude")?;
                let place = ingest.open(&wanted.origin)?;
                let mut files = place.list(&wanted.path, stop)?;
                files.retain(|file| {
                    (wanted.include.is_empty() || include.is_match(&file.path))
                        && !exclude.is_match(&file.path)
                });
                Ok((files, place.revision()))
            })
            .await
    }

    /// What becomes of the first files of `rest`: as many as are read at once.
    async fn step(
        &self,
        wanted: &Sync,
        source: &str,
        rest: &mut VecDeque<(usize, Listed)>,
        known: &HashMap<String, Known>,
    ) -> Result<Step, ToolError> {
        let files: Vec<(usize, Listed)> = rest.drain(..STEP.min(rest.len())).collect();
        let (read, left) = self.files(wanted, files, known).await?;
        left.into_iter()
            .rev()
            .for_each(|file| rest.push_front(file));
        let mut step = Step::default();
        let mut bytes = Vec::new();
        for (ordinal, path, read) in read {
            match read {
                Ok(Read::Same) => step.unchanged += 1,
                Ok(Read::Skipped) => step.skipped += 1,
                Ok(Read::Bytes(file, hash)) => bytes.push((ordinal, path, file, hash)),
                Err(error) => step.failed.push(failed(ordinal, path, &error)),
            }
        }
        let documents = bytes
            .into_iter()
            .map(|(ordinal, path, bytes, hash)| async move {
                let read = self.read_file(wanted, source, &path, bytes, hash).await;
                read.map_err(|error| failed(ordinal, path, &error))
            });
        let documents: Vec<_> = stream::iter(documents).buffered(ABREAST).collect().await;
        for document in documents {
            match document {
                Ok(new) => step.add.push((None, new)),
                Err(failed) => step.failed.push(failed),
            }
        }
        Ok(step)
    }

    /// Reads those of `files` that are not known already, up to [`STEP_BYTES`]; and the files that are left.
    async fn files(
        &self,
        wanted: &Sync,
        files: Vec<(usize, Listed)>,
        known: &HashMap<String, Known>,
    ) -> Result<(Vec<Outcome>, Vec<(usize, Listed)>), ToolError> {
        let known: Vec<Option<String>> = files
            .iter()
            .map(|(_, file)| {
                known
                    .get(&name(wanted, &file.path))
                    .and_then(|(_, hash)| hash.clone())
            })
            .collect();
        let (ingest, origin) = (self.clone(), wanted.origin.clone());
        let most = self.0.config.max_file_bytes;
        self.0
            .pool
            .run(move |stop| {
                let place = ingest.open(&origin)?;
                let mut out = Vec::with_capacity(files.len());
                let mut files = files.into_iter().zip(known);
                let mut total = 0;
                while total < STEP_BYTES
                    && let Some(((ordinal, file), known)) = files.next()
                {
                    stop.check()?;
                    let read = if file.hash.is_some() && file.hash == known {
                        Ok(Read::Same)
                    } else {
                        place.read(&file.path, most).map(|(bytes, hash)| {
                            total += bytes.len();
                            judge(&file.path, bytes, hash, known)
                        })
                    };
                    out.push((ordinal as i64, file.path, read));
                }
                Ok((out, files.map(|(file, _)| file).collect()))
            })
            .await
    }

    async fn read_file(
        &self,
        wanted: &Sync,
        source: &str,
        path: &str,
        bytes: Vec<u8>,
        hash: Option<String>,
    ) -> Result<NewDocument, ToolError> {
        let about = About {
            by: wanted.by.clone(),
            global: wanted.global,
            external_id: Some(name(wanted, path)),
            title: None,
            uri: None,
            path: Some(path.to_owned()),
            collection: wanted.collection.clone(),
            format: None,
            tags: wanted.tags.clone(),
            source_id: Some(source.to_owned()),
            metadata: Value::Object(serde_json::Map::new()),
        };
        let content = Content::Bytes {
            bytes,
            content_type: None,
            hash,
        };
        self.document(about, content).await
    }
}

fn judge(path: &str, bytes: Vec<u8>, hash: Option<String>, known: Option<String>) -> Read {
    if hash.is_some() && hash == known {
        return Read::Same;
    }
    let packed = format_told(Some(path), None, &bytes).is_some_and(is_packed);
    let is_document = packed && (has_packed_name(path) || !looks_binary(&bytes))
        || !packed && !looks_binary(&bytes);
    if !is_document || bytes.iter().all(u8::is_ascii_whitespace) {
        return Read::Skipped;
    }
    Read::Bytes(bytes, hash)
}

/// An archive that does not say it is a document is none.
fn has_packed_name(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default().to_lowercase();
    matches!(ending.as_str(), "pdf" | "docx" | "html" | "htm" | "xhtml")
}
