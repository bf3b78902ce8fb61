//! Documents on their way in: from a text, a file, a repository or the web to rows with chunks, in a call or in a job.

pub mod batch;
pub mod fault;
pub mod place;
mod prepare;
pub mod request;
pub mod runner;
pub mod sync;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    config::Config,
    engine::{
        digest::digest_bytes,
        extract::{
            self,
            workers::{Program, Workers},
        },
    },
    indexer::Indexer,
    model::NewDocument,
    store::{KnowledgeStore, NewJob},
};
use crate::{
    base::{
        clock::Clock,
        ids::{ProjectId, new_id},
        outbound::{self, Policy},
    },
    project::workspace::Workspaces,
    tool::{Cause, Change, Changes, Happened, Host, Pool, ServerId, ToolError},
};
use request::{About, Request, Source};

pub use prepare::{prepare, prepare_text};

/// Threads for reading and cutting in the background.
const THREADS: usize = 2;

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Ingest(Arc<Inner>);

struct Inner {
    store: KnowledgeStore,
    indexer: Arc<Indexer>,
    workspaces: Workspaces,
    clock: Clock,
    changes: Changes,
    config: Config,
    workers: Workers,
    pool: Pool,
    /// This process, as the holder of leases.
    owner: String,
    /// There is a job to work on.
    work: Notify,
    /// A job has ended.
    ended: Notify,
    /// The jobs that this process works on.
    live: Mutex<HashMap<String, CancellationToken>>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").finish_non_exhaustive()
    }
}

/// What a document is made of.
#[derive(Debug)]
pub enum Content {
    /// Its text.
    Text(String),
    /// A file.
    Bytes {
        /// The file.
        bytes: Vec<u8>,
        /// What its sender says it is.
        content_type: Option<String>,
        /// What stands for the bytes, where that is known without reading them.
        hash: Option<String>,
    },
}

impl Ingest {
    /// Starts to work on jobs.
    pub async fn start(
        store: KnowledgeStore,
        indexer: Arc<Indexer>,
        config: &Config,
        host: &Host,
    ) -> Result<Self, ToolError> {
        let ingest = Self(Arc::new(Inner {
            store,
            indexer,
            workspaces: host.workspaces.clone(),
            clock: host.clock.clone(),
            changes: host.changes.clone(),
            workers: Workers::new(Program::default(), config.max_readers),
            pool: Pool::new(THREADS),
            config: config.clone(),
            owner: new_id("own"),
            work: Notify::new(),
            ended: Notify::new(),
            live: Mutex::default(),
        }));
        ingest.run(&host.tasks).await?;
        Ok(ingest)
    }

    /// Makes a job and sees that it is worked on; its id.
    pub async fn submit(&self, job: NewJob) -> Result<String, ToolError> {
        let id = self.0.store.new_job(job, self.0.clock.now()).await?;
        self.0.work.notify_one();
        Ok(id)
    }

    /// Says that there is a job to work on.
    pub fn wake(&self) {
        self.0.work.notify_one();
    }

    /// Ends when a job of this process has ended, after this was called.
    pub fn ended(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.ended.notified()
    }

    /// Cancels what this process does for a job. Another hub learns of it when it renews its lease.
    pub fn cancel(&self, job: &str) {
        if let Some(token) = self.live().get(job) {
            token.cancel();
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0
            .live
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Reads what a request asks for, into a document that can be added.
    async fn read(&self, request: Request) -> Result<NewDocument, ToolError> {
        let Request { mut about, source } = request;
        let content = match source {
            Source::Text(text) => Content::Text(text),
            Source::Url(url) => {
                let config = &self.0.config;
                let policy = Policy {
                    allowed_private: config.fetch.allowed_private.clone(),
                    max_bytes: config.max_file_bytes,
                    deadline: Duration::from_secs(config.fetch.timeout_s),
                };
                let fetched = outbound::fetch(&policy, &url)
                    .await
                    .map_err(fault::of_fetch)?;
                about.uri.get_or_insert(fetched.url);
                Content::Bytes {
                    bytes: fetched.bytes,
                    content_type: fetched.content_type,
                    hash: None,
                }
            }
            Source::Path(path) => {
                let origin = about.origin(None);
                self.file(origin, path).await?
            }
            Source::Repo(file) => {
                let origin = about.origin(Some(&file));
                self.file(origin, file.path).await?
            }
        };
        self.document(about, content).await
    }

    async fn file(&self, origin: place::Origin, path: String) -> Result<Content, ToolError> {
        let (ingest, most) = (self.clone(), self.0.config.max_file_bytes);
        self.0
            .pool
            .run(move |_| {
                let place = ingest.open(&origin)?;
                let (bytes, hash) = place.read(&path, most)?;
                Ok(Content::Bytes {
                    bytes,
                    content_type: None,
                    hash,
                })
            })
            .await
    }

    /// Takes the text out of `content` and cuts it.
    async fn document(&self, mut about: About, content: Content) -> Result<NewDocument, ToolError> {
        let (inner, most) = (&self.0, self.0.config.max_document_bytes);
        let (bytes, content_type, hash) = match content {
            Content::Text(text) if about.is_page(&text) => (text.into_bytes(), None, None),
            Content::Text(text) => {
                let cut = move |_: &_| prepare_text(about, text, most);
                return inner.pool.run(cut).await;
            }
            Content::Bytes {
                bytes,
                content_type,
                hash,
            } => (bytes, content_type, hash),
        };
        let sender = content_type.as_deref();
        let told = about
            .format
            .or_else(|| extract::format_told(about.name(), sender, &bytes));
        let charset = sender.and_then(charset);
        let taken = match told.filter(|format| extract::is_packed(*format)) {
            Some(format) => {
                let taken = inner.workers.extract(format, &bytes, charset.clone(), most);
                Some((format, taken.await.map_err(fault::of_extract)?))
            }
            None if bytes.len() > most => return Err(fault::too_long(bytes.len(), most)),
            None => None,
        };
        let cut = move |_: &_| {
            let (format, title, text) = if let Some((format, taken)) = taken {
                if !taken.unread.is_empty()
                    && let Some(metadata) = about.metadata.as_object_mut()
                {
                    metadata.insert("unread_pages".to_owned(), json!(taken.unread));
                }
                (format, taken.title, taken.text)
            } else {
                let text = extract::decode(&bytes, charset.as_deref());
                let text = text.map_err(fault::of_extract)?;
                let format = told.unwrap_or_else(|| extract::format_by_words(&text));
                (format, None, text)
            };
            let mut new = about.document(format, title, text);
            new.content_hash = Some(hash.unwrap_or_else(|| digest_bytes(&bytes)));
            prepare(new, most)
        };
        inner.pool.run(cut).await
    }

    /// Tells the index and subscribers of documents that changed.
    pub fn changed(
        &self,
        project: Option<&ProjectId>,
        documents: impl IntoIterator<Item = String>,
    ) {
        self.0.indexer.wake();
        for id in documents {
            self.0.changes.tell(Change {
                project: project.cloned(),
                agent: None,
                path: format!("knowledge/{id}"),
                below: false,
                cause: Cause::of(ServerId::KnowledgeBase, Happened::Ingest),
            });
        }
    }
}

/// `charset=` of a content type.
fn charset(content_type: &str) -> Option<String> {
    let (_, label) = content_type.split_once("charset=")?;
    let label = label.split(';').next().unwrap_or_default();
    Some(label.trim().trim_matches('"').to_owned())
}
