//! Changes that share a commit.

use std::sync::Arc;

use super::blocking;
use crate::{
    servers::knowledge_base::engine::lexical::{Change, LexicalIndex, Payload},
    tool::ToolError,
};

/// Text in one commit, in bytes: bounds the memory of a batch.
pub const BYTES: usize = 8 << 20;

/// Changes for one commit.
#[derive(Default)]
pub struct Batch {
    changes: Vec<Change>,
    bytes: usize,
}

impl Batch {
    /// Adds changes.
    pub fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            if let Change::Put(put) = &change {
                let bytes = put.entries.iter().map(|entry| entry.text.len());
                self.bytes += bytes.sum::<usize>();
            }
            self.changes.push(change);
        }
    }

    /// Whether it should be committed before more comes.
    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Commits it to `index`.
    pub async fn commit(
        self,
        index: &Arc<LexicalIndex>,
        payload: Option<Payload>,
    ) -> Result<(), ToolError> {
        let index = Arc::clone(index);
        blocking(move || index.apply(self.changes, payload)).await
    }
}
