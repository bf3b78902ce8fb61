//! kb-mcp: what the team knows, found again with citations, per project or globally.

mod config;
pub mod embedding;
pub mod engine;
mod feed;
mod housekeeping;
mod indexer;
mod ingest;
mod memory;
pub mod model;
mod prompts;
pub mod purge;
mod resources;
mod retrieve;
mod routes;
pub mod store;
pub mod tools;
mod verify;

pub use config::{Config, EmbeddingConfig, ProviderConfig};

use std::sync::Arc;

use crate::tool::prelude::*;
use embedding::{Embedding, Provider};
use feed::Feed;
use indexer::Indexer;
use ingest::Ingest;
use purge::Scrubber;
use store::KnowledgeStore;
use tools::{
    add_document::AddDocument, add_documents::AddDocuments, delete_document::DeleteDocument,
    export_knowledge::ExportKnowledge, forget_memory::ForgetMemory, get_context::GetContext,
    get_document::GetDocument, get_knowledge_job::GetKnowledgeJob, knowledge_stats::KnowledgeStats,
    list_documents::ListDocuments, read_knowledge::ReadKnowledge, recall_memory::RecallMemory,
    reindex_knowledge::ReindexKnowledge, save_memory::SaveMemory,
    search_knowledge::SearchKnowledge, sync_source::SyncSource, update_document::UpdateDocument,
    verify_knowledge::VerifyKnowledge,
};

/// How long a search waits for `min_seq`, or for an index that is being rebuilt.
const PATIENCE: Duration = Duration::from_secs(5);

/// The knowledge base server.
#[derive(Debug)]
pub struct KnowledgeBase {
    store: KnowledgeStore,
    indexer: Arc<Indexer>,
    embedding: Embedding,
    scrubber: Scrubber,
    ingest: Ingest,
    config: Config,
}

/// Checks what of the settings can be checked without a database. The error begins with its place.
pub fn check(config: &Config) -> Result<(), String> {
    let checked = Provider::of(&config.embedding);
    checked.map(drop).map_err(|error| {
        let place = error.fields.first().map_or("", |field| &field.pointer);
        let why = error.fields.first().map_or(&error.message, |f| &f.detail);
        format!("{place}: {why}")
    })
}

impl KnowledgeBase {
    /// Opens the knowledge base of `host`: its tables, and the index in `<data>/index/knowledge`.
    ///
    /// # Errors
    /// When the index directory cannot be used, or another process writes to it.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let store = KnowledgeStore::new(host.db.clone());
        let dir = host.data.join("index").join("knowledge");
        let feed = Feed::start(store.clone(), &host.tasks).await?;
        let (expiring, clock, announce) = (store.clone(), host.clock.clone(), feed.clone());
        host.tasks.spawn("knowledge-expiry", |stop| {
            memory::sweep(expiring, announce, clock, stop)
        });
        let indexer = Indexer::start(store.clone(), feed.clone(), dir, &host.tasks).await?;
        let indexer = Arc::new(indexer);
        let embedding = Embedding::start(&config.embedding, store.clone(), feed, host)?;
        housekeeping::start(store.clone(), host);
        let scrubber = Scrubber::start(store.clone(), &host.tasks);
        let ingest = Ingest::start(store.clone(), Arc::clone(&indexer), &config, host).await?;
        Ok(Self {
            store,
            indexer,
            embedding,
            scrubber,
            ingest,
            config,
        })
    }

    /// Checks new settings; nothing changes yet.
    pub fn prepare(&self, config: &Config) -> Result<Option<Provider>, ToolError> {
        Provider::of(&config.embedding)
    }

    /// Has vectors made by `provider` from now on.
    pub fn follow(&self, provider: Option<Provider>) {
        self.embedding.follow(provider);
    }
}

impl KnowledgeBase {
    /// Waits until searches see change `seq`, or until there is an index at all.
    async fn caught_up(&self, seq: Option<i64>) -> Result<(), ToolError> {
        if let Some(seq) = seq.filter(|seq| *seq > self.indexer.progress().seq)
            && seq > self.store.last_seq().await?
        {
            let problem = "no change has this number: send the seq that adding or saving told";
            return Err(ToolError::invalid("/min_seq", problem));
        }
        if self.indexer.reach(seq.unwrap_or(0), PATIENCE).await {
            return Ok(());
        }
        let now = self.indexer.progress();
        let message = if now.ready {
            format!("the index is at change {} only", now.seq)
        } else {
            "the index is being rebuilt".to_owned()
        };
        Err(ToolError::unavailable(message)
            .hint("try again shortly, or search without min_seq for what is there")
            .retry_after(Duration::from_secs(2)))
    }
}

impl ToolServer for KnowledgeBase {
    const ID: ServerId = ServerId::KnowledgeBase;
    const CALLS: &'static [Dep] = &[Dep::write(ServerId::LlmGateway, "embed")];
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<AddDocument>()
            .add::<AddDocuments>()
            .add::<SyncSource>()
            .add::<GetKnowledgeJob>()
            .add::<ReadKnowledge>()
            .add::<GetDocument>()
            .add::<ListDocuments>()
            .add::<UpdateDocument>()
            .add::<DeleteDocument>()
            .add::<SearchKnowledge>()
            .add::<SaveMemory>()
            .add::<RecallMemory>()
            .add::<ForgetMemory>()
            .add::<GetContext>()
            .add::<KnowledgeStats>()
            .add::<VerifyKnowledge>()
            .add::<ReindexKnowledge>()
            .add::<ExportKnowledge>();
    }
}
