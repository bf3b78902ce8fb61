//! `verify_knowledge`: whether the caches hold what the database says.

use super::everywhere;
use crate::{
    servers::knowledge_base::{KnowledgeBase, embedding::Status},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct VerifyKnowledge;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Have every document that differs, or lacks vectors, taken in again.
    #[serde(default)]
    pub repair: bool,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Whether nothing differs. Vectors that are still being made are no difference.
    pub clean: bool,
    /// Live documents, of all projects, each compared with the index by its chunks' ids, texts and scope.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// How many documents differ.
    pub different: usize,
    /// Up to 100 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The vectors of the model that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<Vectors>,
    /// How many documents are taken in again.
    pub repaired: usize,
}

/// A document that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// The document.
    pub document_id: String,
    /// What differs.
    pub what: String,
}

/// A model's vectors.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Vectors {
    /// The model.
    pub model: String,
    /// Chunks that have a vector in the database.
    pub with_vector: i64,
    /// Chunks that have none yet.
    pub without: i64,
    /// Vectors of another length than the model's.
    pub wrong: i64,
    /// Vectors in memory; left out while they are being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_memory: Option<usize>,
}

const SHOWN: usize = 100;
/// Documents without vectors that are taken in again at once.
const REPAIRED: i64 = 1_000;
/// How often vectors in memory are counted anew before they count as different: what changes is on its way.
const TRIES: u32 = 50;

impl Tool for VerifyKnowledge {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "verify_knowledge";
    const ABOUT: &'static str = "Compare the search index and the vectors of all projects with the database, document by \
        document, and (repair) have what differs taken in again. For administrators, after a crash or a restored backup. \
        Returns how many documents were compared and which differ.";
    const ACCESS: Access = Access::Admin;
    const DEADLINE: Duration = Duration::from_secs(600);
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        everywhere(ctx)?;
        let report = server.verify_index(ctx).await?;
        let mut vectors = vectors(server).await?;
        for _ in 0..TRIES {
            if vectors.as_ref().is_none_or(is_sound) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            vectors = self::vectors(server).await?;
        }
        let sound = vectors.as_ref().is_none_or(is_sound);
        let different = report.different.len();
        let mut again: Vec<String> = Vec::new();
        if args.repair {
            again.extend(report.different.iter().map(|one| one.document_id.clone()));
            if let Some(vectors) = &vectors {
                let lacking = server.store.without_vectors(&vectors.model, REPAIRED);
                again.extend(lacking.await?);
            }
        }
        let repaired = again.len();
        if repaired > 0 {
            server.store.announce_again(again, ctx.now()).await?;
            server.indexer.wake();
        }
        let shown = report.different.into_iter().take(SHOWN);
        Ok(Output {
            clean: different == 0 && sound,
            documents: report.documents,
            chunks: report.chunks,
            different,
            differences: shown
                .map(|one| Difference {
                    document_id: one.document_id,
                    what: one.what,
                })
                .collect(),
            vectors,
            repaired,
        })
    }
}

fn is_sound(vectors: &Vectors) -> bool {
    let all = usize::try_from(vectors.with_vector).ok();
    vectors.wrong == 0 && vectors.in_memory.is_none_or(|count| Some(count) == all)
}

async fn vectors(server: &KnowledgeBase) -> Result<Option<Vectors>, ToolError> {
    let serving = |one: &Status| one.generation.serves();
    let Some(status) = server.embedding.status().await?.into_iter().find(serving) else {
        return Ok(None);
    };
    let bytes = status.generation.dimensions * 4;
    let counts = server
        .store
        .count_vectors(&status.generation.model, bytes)
        .await?;
    Ok(Some(Vectors {
        model: status.generation.model,
        with_vector: counts.with_vector,
        without: counts.chunks - counts.with_vector,
        wrong: counts.wrong,
        in_memory: status.in_memory.and_then(|(count, at)| at.map(|_| count)),
    }))
}
