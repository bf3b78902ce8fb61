//! The vectors of chunks, in memory: every one that may be found is looked at, in 8 bits a number.
//!
//! A cache: everything in it can be rebuilt from the database, which has the exact numbers. Ask for some times as many as are
//! wanted, and rank those by the exact ones: nothing is missed then.

mod scan;
mod shelf;

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub use super::filter::DocumentFacts;
use super::filter::Filter;
use scan::Best;
use shelf::Shelf;

/// A chunk's vector: the chunk, the hash under which the database keeps its exact numbers, and the numbers.
pub type Row = (String, String, Vec<f32>);

/// A chunk that means something like what is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// The chunk.
    pub chunk_id: String,
    /// Its document.
    pub document_id: String,
    /// Where it is visible.
    pub scope: String,
    /// The hash under which the database keeps its exact numbers.
    pub text_hash: String,
    /// About the cosine.
    pub score: f32,
}

/// The vectors of one model.
#[derive(Debug)]
pub struct Vectors {
    dimensions: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shelves: HashMap<String, Shelf>,
    /// The scope of each document.
    scopes: HashMap<String, String>,
}

impl Vectors {
    /// None yet, of so many numbers each.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            inner: RwLock::default(),
        }
    }

    /// Numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Makes `rows` the vectors of a document, instead of those it had. One of other dimensions is left out.
    pub fn put(&self, document: DocumentFacts, rows: Vec<Row>) {
        let mut inner = self.write();
        inner.remove(&document.document_id);
        let rows = rows
            .into_iter()
            .filter(|(.., vector)| vector.len() == self.dimensions);
        let id = document.document_id.clone();
        let scope = document.scope.clone();
        let shelf = inner.shelves.entry(scope.clone());
        if shelf
            .or_insert_with(|| Shelf::new(self.dimensions))
            .put(document, rows)
        {
            inner.scopes.insert(id, scope);
        }
    }

    /// Forgets a document.
    pub fn remove(&self, document_id: &str) {
        self.write().remove(document_id);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.write() = Inner::default();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().shelves.values().map(Shelf::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `limit` that are most like `query` among those that `filter` lets through, best first.
    pub fn search(&self, query: &[f32], filter: &Filter, limit: usize) -> Vec<Near> {
        if query.len() != self.dimensions || limit == 0 {
            return Vec::new();
        }
        let query = scan::Query::new(query);
        let inner = self.read();
        let mut best = Best::new(limit);
        let mut shelves: Vec<&Shelf> = Vec::new();
        let mut scopes: Vec<&String> = filter.scopes.iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        for scope in scopes {
            if let Some(shelf) = inner.shelves.get(scope) {
                shelf.scan(&query, filter, shelves.len(), &mut best);
                shelves.push(shelf);
            }
        }
        let near = best.into_sorted().into_iter().filter_map(|found| {
            let shelf = shelves.get(found.shelf)?;
            shelf.near(found.row, found.score)
        });
        near.collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, document_id: &str) {
        let Some(scope) = self.scopes.remove(document_id) else {
            return;
        };
        if let Some(shelf) = self.shelves.get_mut(&scope) {
            shelf.remove(document_id);
            if shelf.len() == 0 {
                self.shelves.remove(&scope);
            }
        }
    }
}

#[cfg(test)]
mod tests;
