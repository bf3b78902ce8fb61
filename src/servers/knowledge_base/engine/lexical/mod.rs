//! The lexical index: BM25 over chunks, in tantivy. A cache: everything in it can be rebuilt from the database.

mod best;
mod erase;
mod index;
mod inspect;
mod narrow;
mod query;
mod schema;
mod search;
mod snippet;
mod statistics;
mod stopwords;
mod token;

pub use index::{LexicalIndex, Opened, sound};
pub use inspect::Held;
pub use query::Query;
pub use snippet::{Highlighter, Snippet};

use serde::{Deserialize, Serialize};

use super::filter::DocumentFacts;

/// Raised whenever the schema, a tokeniser or the stored fields change: an index of another version is rebuilt.
pub const SCHEMA_VERSION: u32 = 2;

/// What the index knows about itself, written with each commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema: u32,
    /// The database it was filled from.
    pub database: i64,
    /// The last outbox entry that is in it.
    pub seq: i64,
    /// When that entry was written: a database that was restored from a backup has another entry of the same number.
    pub written_ms: i64,
}

/// A chunk to be found.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id in the database.
    pub chunk_id: String,
    /// Title of the document.
    pub title: String,
    /// Headings above it, joined.
    pub heading: String,
    /// The item of a program that it is.
    pub symbol: Option<String>,
    /// Its text.
    pub text: String,
}

/// All chunks of a document, replacing those indexed before.
#[derive(Debug, Clone)]
pub struct Put {
    /// The document, and what it can be chosen by.
    pub facts: DocumentFacts,
    /// Its chunks.
    pub entries: Vec<Entry>,
}

/// One document's change.
#[derive(Debug, Clone)]
pub enum Change {
    /// Its chunks are these now.
    Put(Put),
    /// It is gone.
    Remove {
        /// The document.
        document_id: String,
    },
}

/// A chunk that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its id in the database.
    pub chunk_id: String,
    /// How much of what the query asks for it has: BM25, boosted by title and headings, over what the best thinkable text
    /// would have. Seldom over 1.
    pub score: f32,
}

/// What can go wrong with the index.
#[derive(Debug, thiserror::Error)]
pub enum LexicalError {
    /// The engine failed.
    #[error(transparent)]
    Tantivy(#[from] tantivy::TantivyError),
    /// The index directory could not be used.
    #[error("index directory: {0}")]
    Io(#[from] std::io::Error),
    /// Files that hold erased text are still read by somebody.
    #[error("segments that hold erased documents are still in use")]
    InUse,
}

#[cfg(test)]
mod tests;
