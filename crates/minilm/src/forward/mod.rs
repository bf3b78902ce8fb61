//! The model: BERT's encoder, then the mean of all tokens, of length 1.
//!
//! Passages go through together without padding: everything but attention works on tokens alone.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions at hand"
)]

mod attention;
mod math;
mod multiply;

use fearless_simd::{Level, Simd, dispatch};

use math::{add_norm, gelu};
use multiply::{Weights, multiply};

/// The model's numbers.
pub struct Model {
    /// Numbers of a token.
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// What the words' rows are multiplied by.
    pub word_scales: Vec<f32>,
    /// The words' rows in 8 bits.
    pub words: &'static [u8],
    /// The positions' rows.
    pub positions: Vec<f32>,
    /// Of the sum of both.
    pub norm: Norm,
    /// One after the other.
    pub layers: Vec<Layer>,
}

/// Layer normalisation.
pub struct Norm {
    pub gain: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A linear map: `rows` numbers out, `columns` in.
pub struct Matrix {
    pub bias: Vec<f32>,
    /// What each row is multiplied by.
    pub scales: Vec<f32>,
    /// Rows in 8 bits, in panels of [`multiply::PANEL`] rows, column after column.
    pub panels: &'static [u8],
    pub columns: usize,
}

impl Matrix {
    fn rows(&self) -> usize {
        self.bias.len()
    }
}

/// A layer of the encoder.
pub struct Layer {
    /// Query, key and value.
    pub attention: Matrix,
    pub attention_output: Matrix,
    pub attention_norm: Norm,
    pub inner: Matrix,
    pub outer: Matrix,
    pub norm: Norm,
}

impl Model {
    /// The vectors of passages, each at least one token and at most as many as there are positions, with the instructions of
    /// `level`.
    pub fn forward(&self, level: Level, passages: &[Vec<u32>]) -> Vec<Vec<f32>> {
        dispatch!(level, simd => self.run(simd, passages))
    }

    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, passages: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let width = self.width;
        let tokens: usize = passages.iter().map(Vec::len).sum();
        let mut state = vec![0.0; tokens * width];
        self.look_up(passages, &mut state);
        add_norm(simd, &mut state, None, &self.norm);
        let lengths: Vec<usize> = passages.iter().map(Vec::len).collect();
        let mut weights = Weights::default();
        let mut wide = Vec::new();
        let mut mixed = vec![0.0; tokens * width];
        let mut out = vec![0.0; tokens * width];
        for layer in &self.layers {
            wide.resize(tokens * layer.attention.rows(), 0.0);
            multiply(simd, &state, &layer.attention, &mut weights, &mut wide);
            attention::attend(simd, &wide, &lengths, self.heads, &mut mixed);
            multiply(
                simd,
                &mixed,
                &layer.attention_output,
                &mut weights,
                &mut out,
            );
            add_norm(simd, &mut state, Some(&out), &layer.attention_norm);
            wide.resize(tokens * layer.inner.rows(), 0.0);
            multiply(simd, &state, &layer.inner, &mut weights, &mut wide);
            gelu(simd, &mut wide);
            multiply(simd, &wide, &layer.outer, &mut weights, &mut out);
            add_norm(simd, &mut state, Some(&out), &layer.norm);
        }
        let mut rows = state.chunks_exact(width);
        let passage = |length: usize| mean(rows.by_ref().take(length), width);
        lengths.into_iter().map(passage).collect()
    }

    fn look_up(&self, passages: &[Vec<u32>], state: &mut [f32]) {
        let places = passages
            .iter()
            .flat_map(|passage| passage.iter().zip(self.positions.chunks_exact(self.width)));
        for (row, (&id, position)) in state.chunks_exact_mut(self.width).zip(places) {
            let at = id as usize * self.width;
            let word = self.words.get(at..at + self.width).unwrap_or_default();
            let scale = self
                .word_scales
                .get(id as usize)
                .copied()
                .unwrap_or_default();
            for ((out, &byte), position) in row.iter_mut().zip(word).zip(position) {
                *out = f32::from(byte.cast_signed()) * scale + position;
            }
        }
    }
}

/// The mean of `rows`, of length 1.
fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for row in rows {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in &mut sum {
            *value /= length;
        }
    }
    sum
}
