//! kb-mcp: what the team knows, found again with citations, per project or globally.

mod config;
pub mod engine;
mod indexer;
pub mod model;
mod prompts;
mod resources;
mod retrieve;
mod routes;
pub mod store;
pub mod tools;

pub use config::Config;

use crate::tool::prelude::*;
use indexer::Indexer;
use store::KnowledgeStore;
use tools::{
    add_document::AddDocument, delete_document::DeleteDocument, get_document::GetDocument,
    list_documents::ListDocuments, read_knowledge::ReadKnowledge,
    search_knowledge::SearchKnowledge, update_document::UpdateDocument,
};

/// The knowledge base server.
#[derive(Debug)]
pub struct KnowledgeBase {
    store: KnowledgeStore,
    indexer: Indexer,
    config: Config,
}

impl KnowledgeBase {
    /// Opens the knowledge base of `host`: its tables, and the index in `<data>/index/knowledge`.
    ///
    /// # Errors
    /// When the index directory cannot be used, or another process writes to it.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let store = KnowledgeStore::new(host.db.clone());
        let dir = host.data.join("index").join("knowledge");
        let indexer = Indexer::start(store.clone(), dir, &host.tasks).await?;
        Ok(Self {
            store,
            indexer,
            config,
        })
    }
}

impl ToolServer for KnowledgeBase {
    const ID: ServerId = ServerId::KnowledgeBase;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<AddDocument>()
            .add::<ReadKnowledge>()
            .add::<GetDocument>()
            .add::<ListDocuments>()
            .add::<UpdateDocument>()
            .add::<DeleteDocument>()
            .add::<SearchKnowledge>();
    }
}
