//! The vectors of chunks, in memory: every one that may be found is looked at, in 8 bits a number.
//!
//! A cache: everything in it can be rebuilt from the database, which has the exact numbers. Ask for some times as many as are
//! wanted, and rank those by the exact ones: nothing is missed then.

mod scan;
mod shelf;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub use super::filter::DocumentFacts;
use super::filter::Filter;
use scan::{Best, Found};
use shelf::Shelf;

/// A chunk and its vector, of length 1.
pub type Row = (String, Vec<f32>);

/// A chunk with about its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// The chunk.
    pub chunk_id: String,
    /// Whether it is of a program.
    pub code: bool,
    /// About its vector.
    pub vector: Vec<f32>,
}

/// The vectors of one model.
#[derive(Debug)]
pub struct Vectors {
    dimensions: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shelves: HashMap<Arc<str>, Shelf>,
    /// The scope of each document.
    scopes: HashMap<Arc<str>, Arc<str>>,
    /// Words that many documents have, once each.
    words: HashSet<Arc<str>>,
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
            .filter(|(_, vector)| vector.len() == self.dimensions);
        let document = inner.shared(document);
        let id = Arc::clone(&document.document_id);
        let scope = Arc::clone(&document.scope);
        let shelf = inner.shelves.entry(Arc::clone(&scope));
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
        let shelves = inner.shelves(&filter.scopes);
        for (at, shelf) in shelves.iter().enumerate() {
            shelf.scan(&query, filter, at, &mut best);
        }
        let near = |found: Found| shelves.get(found.shelf)?.near(found.row);
        best.into_sorted().into_iter().filter_map(near).collect()
    }

    /// Those of `chunks` in `scopes` that have a vector, in their order.
    pub fn of(&self, scopes: &[String], chunks: &[String]) -> Vec<Near> {
        let inner = self.read();
        let shelves = inner.shelves(scopes);
        let near = |chunk: &String| {
            let mut places = shelves.iter().filter_map(|shelf| shelf.find(chunk));
            places.next()
        };
        chunks.iter().filter_map(near).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn shelves(&self, scopes: &[String]) -> Vec<&Shelf> {
        let mut scopes: Vec<&String> = scopes.iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        let shelf = |scope: &String| self.shelves.get(scope.as_str());
        scopes.into_iter().filter_map(shelf).collect()
    }

    /// The same facts, sharing the words that others have too.
    fn shared(&mut self, mut facts: DocumentFacts) -> DocumentFacts {
        let common = [&mut facts.scope, &mut facts.form].into_iter();
        let maybe = [&mut facts.collection, &mut facts.language]
            .into_iter()
            .flatten();
        for word in common.chain(maybe).chain(&mut facts.tags) {
            if let Some(known) = self.words.get(word) {
                *word = Arc::clone(known);
            } else {
                self.words.insert(Arc::clone(word));
            }
        }
        facts
    }

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
