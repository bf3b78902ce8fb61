//! Filling an index with everything there is.

use std::sync::Arc;

use super::{
    batch::{BYTES, Batch},
    blocking,
    shelf::Shelf,
};
use crate::{
    servers::knowledge_base::{engine::lexical::LexicalIndex, store::KnowledgeStore},
    tool::ToolError,
};

/// Documents that are looked at together.
const PAGE: u32 = 500;

/// An index that holds everything up to an outbox entry; it has no payload yet, so that nobody takes it for complete.
pub struct Filled {
    pub index: Arc<LexicalIndex>,
    /// Its directory.
    pub number: u64,
    /// The outbox entry.
    pub seq: i64,
}

/// Fills `into`, or an index in a new directory. `told` hears how many documents are in it.
pub async fn fill(
    store: KnowledgeStore,
    shelf: Shelf,
    into: Option<(Arc<LexicalIndex>, u64)>,
    told: impl Fn(u64) + Send,
) -> Result<Filled, ToolError> {
    told(0);
    // Read first: what is written while documents are read comes again by the outbox.
    let seq = store.last_seq().await?;
    let (index, number) = match into {
        Some(empty) => empty,
        None => {
            blocking(move || {
                let number = shelf.next()?;
                let opened = LexicalIndex::open(&shelf.dir(number))?;
                Ok::<_, super::Error>((Arc::new(opened.index), number))
            })
            .await?
        }
    };
    let mut after = String::new();
    let mut documents = 0_u64;
    let mut batch = Batch::default();
    loop {
        let ids = store.live_after(&after, PAGE).await?;
        let Some(last) = ids.last() else {
            break;
        };
        after.clone_from(last);
        let mut rest = ids.as_slice();
        while !rest.is_empty() {
            let changes = store.changes(rest, BYTES).await?;
            rest = rest.get(changes.len()..).unwrap_or_default();
            batch.add(changes);
            if batch.is_full() {
                std::mem::take(&mut batch).commit(&index, None).await?;
            }
        }
        documents += ids.len() as u64;
        told(documents);
    }
    batch.commit(&index, None).await?;
    tracing::info!(documents, "the knowledge index was filled anew");
    Ok(Filled { index, number, seq })
}
