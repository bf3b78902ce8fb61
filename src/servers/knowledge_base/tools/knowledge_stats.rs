//! `knowledge_stats`: how much there is, and how far the caches are.

use super::everywhere;
use crate::{servers::knowledge_base::KnowledgeBase, tool::prelude::*};

/// Marker of the tool.
pub struct KnowledgeStats;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Args {}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Live documents, of all projects.
    pub documents: i64,
    /// Their chunks.
    pub chunks: i64,
    /// Bytes of their texts.
    pub bytes: i64,
    /// The last change.
    pub seq: i64,
    /// The search index of this hub.
    pub index: Index,
    /// The models whose vectors there are: the one that serves, and the next while it is built.
    pub models: Vec<Model>,
}

/// The search index.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Index {
    /// Its number: higher with each that was filled anew.
    pub generation: u64,
    /// The last change in it.
    pub seq: i64,
    /// Whether it is complete.
    pub ready: bool,
    /// Chunks in it.
    pub chunks: u64,
    /// Documents in the one that is being filled beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filling: Option<u64>,
}

/// A model's vectors.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model {
    /// The model.
    pub model: String,
    /// `serving` or `building`.
    pub state: String,
    /// Numbers in a vector; 0 until the first was made.
    pub dimensions: i64,
    /// Chunks that have a vector.
    pub with_vector: i64,
    /// Chunks that have none yet.
    pub without: i64,
    /// Vectors in this hub's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_memory: Option<usize>,
    /// Why no vectors are made at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The job that shows how far its building is: cancel it to keep the model that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

impl Tool for KnowledgeStats {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "knowledge_stats";
    const ABOUT: &'static str = "Say how many documents the knowledge base has over all projects, how far the search index \
        is, and which models' vectors there are. For administrators; list_documents shows what one project has.";
    const ACCESS: Access = Access::Admin;
    const HINTS: Hints = Hints::of(Access::Read);

    async fn run(server: &KnowledgeBase, ctx: &Ctx, _args: Args) -> Result<Output, ToolError> {
        everywhere(ctx)?;
        let totals = server.store.totals().await?;
        let progress = server.indexer.progress();
        let mut models = Vec::new();
        for status in server.embedding.status().await? {
            let generation = status.generation;
            let bytes = generation.dimensions * 4;
            let counts = server.store.count_vectors(&generation.model, bytes).await?;
            let building = !generation.serves();
            models.push(Model {
                with_vector: counts.with_vector,
                without: counts.chunks - counts.with_vector,
                in_memory: status.in_memory.map(|(count, _)| count),
                trouble: status.trouble,
                job_id: generation.job_id.filter(|_| building),
                dimensions: generation.dimensions,
                model: generation.model,
                state: generation.state,
            });
        }
        Ok(Output {
            documents: totals.documents,
            chunks: totals.chunks,
            bytes: totals.bytes,
            seq: server.store.last_seq().await?,
            index: Index {
                generation: progress.generation,
                seq: progress.seq,
                ready: progress.ready,
                chunks: server.indexer.index().chunks(),
                filling: progress.filling,
            },
            models,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn administrators_of_all_projects_see_all_and_others_nothing() {
        let team = team().await;
        add(&team, "one", json!({})).await;
        add(&team.at("elsewhere", "eve"), "two", json!({})).await;
        let stats = team.call_json("knowledge_stats", json!({})).await.unwrap();
        assert_eq!(
            (&stats["documents"], &stats["index"]["chunks"]),
            (&json!(2), &json!(2))
        );
        let verified = team.call_json("verify_knowledge", json!({})).await.unwrap();
        assert_eq!(
            (&verified["clean"], &verified["chunks"]),
            (&json!(true), &json!(2)),
            "{verified}"
        );
        let sent = json!({"wait_ms": 20_000});
        let again = team.call_json("reindex_knowledge", sent).await.unwrap();
        assert_eq!(
            (&again["done"], &again["generation"]),
            (&json!(true), &json!(2))
        );
        let own = team
            .token(&["demo"], &["ann"], &["knowledge_base:admin"])
            .await;
        let own = team.by(own);
        for tool in ["knowledge_stats", "verify_knowledge", "reindex_knowledge"] {
            let (code, message) = refused(own.call_json(tool, json!({})).await);
            assert!(
                code == "forbidden" && message.contains("all projects"),
                "{message}"
            );
        }
    }
}
