//! Vectors in memory: a stand-in that looks at every one.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use super::filter::Filter;

/// What filters ask of a document.
#[derive(Debug, Clone)]
pub struct DocumentFacts {
    /// The document.
    pub document_id: String,
    /// Where it is visible.
    pub scope: String,
    /// The collection it lies in.
    pub collection: Option<String>,
    /// What it is.
    pub form: String,
    /// The programming language of a program.
    pub language: Option<String>,
    /// Where it stands in its source.
    pub path: Option<String>,
    /// Words to filter by.
    pub tags: Vec<String>,
    /// When it last changed.
    pub updated_ms: i64,
}

/// A chunk whose vector is near.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// The chunk.
    pub chunk_id: String,
    /// The text that its vector is of.
    pub text_hash: String,
    /// The cosine of the angle between the two.
    pub score: f32,
}

type Rows = Vec<(String, String, Vec<f32>)>;

/// All vectors of one generation.
#[derive(Debug)]
pub struct Vectors {
    dimensions: usize,
    documents: RwLock<HashMap<String, (DocumentFacts, Rows)>>,
}

impl Vectors {
    /// None yet.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            documents: RwLock::default(),
        }
    }

    /// Numbers in a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// A document's vectors are these now.
    pub fn put(&self, document: DocumentFacts, rows: Rows) {
        let mut all = self
            .documents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(document.document_id.clone(), (document, rows));
    }

    /// A document is gone.
    pub fn remove(&self, document_id: &str) {
        let mut all = self
            .documents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.remove(document_id);
    }

    /// The nearest, best first.
    pub fn search(&self, query: &[f32], filter: &Filter, limit: usize) -> Vec<Near> {
        let all = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let visible = all
            .values()
            .filter(|(facts, _)| filter.scopes.contains(&facts.scope));
        let near = |(chunk, hash, vector): &(String, String, Vec<f32>)| Near {
            chunk_id: chunk.clone(),
            text_hash: hash.clone(),
            score: vector.iter().zip(query).map(|(a, b)| a * b).sum(),
        };
        let mut found: Vec<Near> = visible
            .flat_map(|(_, rows)| rows.iter().map(near))
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(limit);
        found
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut all = self
            .documents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.clear();
    }

    /// Chunks that have a vector.
    pub fn len(&self) -> usize {
        let all = self
            .documents
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        all.values().map(|(_, rows)| rows.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
