//! Multiplying a query with many rows of 8 bits, and keeping the best.
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions at hand"
)]

use std::{cmp::Ordering, collections::BinaryHeap};

use fearless_simd::{Level, Simd, dispatch};

/// A query's numbers, as wide as products of them need.
#[derive(Debug)]
pub struct Query {
    codes: Vec<i16>,
    scale: f32,
    level: Level,
}

impl Query {
    pub fn new(query: &[f32]) -> Self {
        let mut codes = Vec::with_capacity(query.len());
        let scale = quantise(query, &mut codes);
        Self {
            codes: codes.into_iter().map(i16::from).collect(),
            scale,
            level: Level::new(),
        }
    }
}

/// Appends a vector's numbers in 8 bits to `codes`; what they are to be multiplied by.
pub fn quantise(vector: &[f32], codes: &mut Vec<i8>) -> f32 {
    let largest = vector
        .iter()
        .fold(0.0_f32, |top, value| top.max(value.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    codes.extend(vector.iter().map(|value| (value / scale).round() as i8));
    scale
}

/// Tells `found` each row's number and about its product with `query`.
pub fn dot_rows(query: &Query, codes: &[i8], scales: &[f32], found: impl FnMut(usize, f32)) {
    dispatch!(query.level, simd => run(simd, query, codes, scales, found));
}

#[inline(always)]
fn run<S: Simd>(
    simd: S,
    query: &Query,
    codes: &[i8],
    scales: &[f32],
    mut found: impl FnMut(usize, f32),
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let rows = codes.chunks_exact(query.codes.len().max(1));
            for (at, (row, scale)) in rows.zip(scales).enumerate() {
                let products = row.iter().zip(&query.codes);
                let sum: i32 = products
                    .map(|(&row, &query)| i32::from(row) * i32::from(query))
                    .sum();
                found(at, sum as f32 * scale * query.scale);
            }
        },
    );
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub shelf: usize,
    pub row: usize,
    pub score: f32,
}

impl Eq for Found {}

/// Worse is greater, so that the heap's top is the one to go.
impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = (self.shelf, self.row).cmp(&(other.shelf, other.row));
        other.score.total_cmp(&self.score).then(place)
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best rows so far.
#[derive(Debug)]
pub struct Best {
    limit: usize,
    heap: BinaryHeap<Found>,
    /// What is not better is not kept.
    bar: f32,
}

impl Best {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::with_capacity(limit.min(4_096) + 1),
            bar: f32::NEG_INFINITY,
        }
    }

    pub fn offer(&mut self, shelf: usize, row: usize, score: f32) {
        if score <= self.bar {
            return;
        }
        self.heap.push(Found { shelf, row, score });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
        if self.heap.len() == self.limit {
            self.bar = self.heap.peek().map_or(self.bar, |worst| worst.score);
        }
    }

    /// Best first.
    pub fn into_sorted(self) -> Vec<Found> {
        self.heap.into_sorted_vec()
    }
}
