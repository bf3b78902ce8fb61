//! The best chunks of a search so far.

use std::{cmp::Ordering, collections::BinaryHeap};

use tantivy::{DocId, Score};

/// A chunk that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    pub score: Score,
    /// The place of its segment.
    pub segment: usize,
    /// Its number there.
    pub chunk: DocId,
}

impl Eq for Hit {}

/// Worse is greater, so that the heap's top is the one to go.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = (self.segment, self.chunk).cmp(&(other.segment, other.chunk));
        other.score.total_cmp(&self.score).then(place)
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best so far, at most so many.
pub struct Best {
    limit: usize,
    heap: BinaryHeap<Hit>,
}

impl Best {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::with_capacity(limit.min(4_096) + 1),
        }
    }

    /// What a score has to be over to be among them. No score is under 0.
    pub fn bar(&self) -> Score {
        let worst = self.heap.peek().filter(|_| self.heap.len() == self.limit);
        worst.map_or(0.0, |worst| worst.score)
    }

    pub fn offer(&mut self, score: Score, segment: usize, chunk: DocId) {
        self.heap.push(Hit {
            score,
            segment,
            chunk,
        });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// Best first.
    pub fn into_sorted(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}
