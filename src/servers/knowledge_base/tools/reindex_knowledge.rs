//! `reindex_knowledge`: fill the search index anew.

use super::everywhere;
use crate::{servers::knowledge_base::KnowledgeBase, tool::prelude::*};

/// Marker of the tool.
pub struct ReindexKnowledge;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Milliseconds to wait for the end; 0 if left out.
    #[garde(range(max = 600_000))]
    pub wait_ms: Option<u32>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Whether the new index serves already. Otherwise the old one does until the new one is full; knowledge_stats shows how
    /// far that is.
    pub done: bool,
    /// The number of the index that serves: higher with each that was filled.
    pub generation: u64,
}

impl Tool for ReindexKnowledge {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "reindex_knowledge";
    const ABOUT: &'static str = "Fill this hub's search index anew from the database, beside the one that serves, which the \
        new one then replaces. For administrators: the hub does this by itself where it finds the index damaged or out of \
        date; verify_knowledge with repair mends single documents.";
    const ACCESS: Access = Access::Admin;
    const DEADLINE: Duration = Duration::from_secs(610);
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        everywhere(ctx)?;
        let wait = Duration::from_millis(u64::from(args.wait_ms.unwrap_or(0)));
        let done = server.indexer.refill(wait).await;
        Ok(Output {
            done,
            generation: server.indexer.progress().generation,
        })
    }
}
