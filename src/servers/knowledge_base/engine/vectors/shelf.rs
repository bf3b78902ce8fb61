//! The vectors of one scope, one after the other.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{
    Near, Row,
    scan::{Best, Query, dot_rows, quantise},
};
use crate::servers::knowledge_base::engine::filter::{CODE, DocumentFacts, Filter};

/// Rows of removed documents stay where they are until they are this part of all: one in four.
const DEAD: usize = 4;

#[derive(Debug)]
pub struct Shelf {
    dimensions: usize,
    /// The rows' numbers in 8 bits.
    codes: Vec<i8>,
    /// What each row is multiplied by.
    scales: Vec<f32>,
    /// The chunk of each row.
    names: Vec<Arc<str>>,
    /// Where a chunk stands.
    rows: HashMap<Arc<str>, usize>,
    /// Documents in the order of their rows; removed ones have no facts.
    documents: Vec<Document>,
    /// Where a document stands in `documents`.
    places: HashMap<Arc<str>, usize>,
    dead: usize,
}

#[derive(Debug)]
struct Document {
    facts: Option<DocumentFacts>,
    rows: Range<usize>,
}

impl Shelf {
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            codes: Vec::new(),
            scales: Vec::new(),
            names: Vec::new(),
            rows: HashMap::new(),
            documents: Vec::new(),
            places: HashMap::new(),
            dead: 0,
        }
    }

    /// Rows of documents that are there.
    pub fn len(&self) -> usize {
        self.scales.len() - self.dead
    }

    /// Adds a document that is not there; whether it has any rows.
    pub fn put(&mut self, facts: DocumentFacts, rows: impl Iterator<Item = Row>) -> bool {
        let start = self.scales.len();
        for (chunk, vector) in rows {
            let name: Arc<str> = chunk.into();
            self.rows.insert(Arc::clone(&name), self.scales.len());
            self.scales.push(quantise(&vector, &mut self.codes));
            self.names.push(name);
        }
        let rows = start..self.scales.len();
        if rows.is_empty() {
            return false;
        }
        self.places
            .insert(Arc::clone(&facts.document_id), self.documents.len());
        self.documents.push(Document {
            facts: Some(facts),
            rows,
        });
        true
    }

    pub fn remove(&mut self, document_id: &str) {
        let place = self.places.remove(document_id);
        if let Some(document) = place.and_then(|place| self.documents.get_mut(place)) {
            document.facts = None;
            self.dead += document.rows.len();
            for name in self.names.get(document.rows.clone()).unwrap_or_default() {
                self.rows.remove(name);
            }
        }
        if self.dead * DEAD > self.scales.len() {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut kept = Self::new(self.dimensions);
        let live = self.scales.len() - self.dead;
        kept.codes.reserve_exact(live * self.dimensions);
        kept.scales.reserve_exact(live);
        kept.names.reserve_exact(live);
        kept.rows.reserve(live);
        for document in self.documents.drain(..) {
            let (Some(facts), rows) = (document.facts, document.rows) else {
                continue;
            };
            let start = kept.scales.len();
            let codes = rows.start * self.dimensions..rows.end * self.dimensions;
            kept.codes
                .extend_from_slice(self.codes.get(codes).unwrap_or_default());
            kept.scales
                .extend_from_slice(self.scales.get(rows.clone()).unwrap_or_default());
            for (name, row) in self.names.get(rows).unwrap_or_default().iter().zip(start..) {
                kept.names.push(Arc::clone(name));
                kept.rows.insert(Arc::clone(name), row);
            }
            kept.places
                .insert(Arc::clone(&facts.document_id), kept.documents.len());
            kept.documents.push(Document {
                facts: Some(facts),
                rows: start..kept.scales.len(),
            });
        }
        *self = kept;
    }

    /// Offers `best` every row that `filter` lets through.
    pub fn scan(&self, query: &Query, filter: &Filter, shelf: usize, best: &mut Best) {
        let wanted = |document: &&Document| {
            document
                .facts
                .as_ref()
                .is_some_and(|facts| filter.matches(facts))
        };
        let mut run = 0..0;
        // Neighbours go together, so that many small documents cost no more than a large one.
        for document in self.documents.iter().filter(wanted) {
            if document.rows.start == run.end {
                run.end = document.rows.end;
            } else {
                self.offer(query, run, shelf, best);
                run = document.rows.clone();
            }
        }
        self.offer(query, run, shelf, best);
    }

    fn offer(&self, query: &Query, rows: Range<usize>, shelf: usize, best: &mut Best) {
        let codes = self
            .codes
            .get(rows.start * self.dimensions..rows.end * self.dimensions);
        let scales = self.scales.get(rows.clone());
        if let (Some(codes), Some(scales)) = (codes, scales) {
            dot_rows(query, codes, scales, |at, score| {
                best.offer(shelf, rows.start + at, score);
            });
        }
    }

    /// A chunk, if it is here.
    pub fn find(&self, chunk: &str) -> Option<Near> {
        self.near(*self.rows.get(chunk)?)
    }

    /// What stands at `row`.
    pub fn near(&self, row: usize) -> Option<Near> {
        let at = self
            .documents
            .partition_point(|document| document.rows.end <= row);
        let facts = self.documents.get(at)?.facts.as_ref()?;
        let scale = *self.scales.get(row)?;
        let start = row * self.dimensions;
        let codes = self.codes.get(start..start + self.dimensions)?;
        Some(Near {
            chunk_id: self.names.get(row)?.to_string(),
            code: &*facts.form == CODE,
            vector: codes.iter().map(|&code| f32::from(code) * scale).collect(),
        })
    }
}
