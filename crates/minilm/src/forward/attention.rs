//! Attention of each passage's tokens to one another.

use fearless_simd::{Simd, SimdBase};

use super::{
    math::softmax,
    multiply::{PANEL, block, pack},
};

/// Numbers of a head: as many as a panel has rows, so that a head's values are a panel as they are.
const HEAD: usize = PANEL;

/// Writes to `out` what the tokens of each passage see. `input` has query, key and value of each token, head after head.
#[inline(always)]
pub fn attend<S: Simd>(simd: S, input: &[f32], lengths: &[usize], heads: usize, out: &mut [f32]) {
    match S::f32s::LEN {
        16 => passages::<S, 12, 2>(simd, input, lengths, heads, out),
        8 => passages::<S, 3, 4>(simd, input, lengths, heads, out),
        _ => passages::<S, 2, 8>(simd, input, lengths, heads, out),
    }
}

#[inline(always)]
fn passages<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    mut input: &[f32],
    lengths: &[usize],
    heads: usize,
    mut out: &mut [f32],
) {
    let width = heads * HEAD;
    let mut room = Room::default();
    for &length in lengths {
        let (own, rest) = input.split_at(length * 3 * width);
        let (own_out, rest_out) = std::mem::take(&mut out).split_at_mut(length * width);
        for head in 0..heads {
            let part = |at: usize| own.chunks_exact(width).skip(at).step_by(3);
            let at = head * HEAD;
            let of = move |row: &'_ [f32]| -> [f32; HEAD] {
                let row = row.get(at..at + HEAD).and_then(|row| row.first_chunk());
                row.copied().unwrap_or([0.0; HEAD])
            };
            room.fill(part(0).map(of), part(1).map(of), part(2).map(of), length);
            simd.vectorize(
                #[inline(always)]
                || room.head::<S, ROWS, VECTORS>(simd, own_out, width, at),
            );
        }
        (input, out) = (rest, rest_out);
    }
}

/// One head of one passage.
#[derive(Default)]
struct Room {
    length: usize,
    queries: Vec<f32>,
    /// Panels of keys, number after number; the last is filled up with nothing.
    keys: Vec<f32>,
    values: Vec<f32>,
    packed: Vec<f32>,
    weights: Vec<f32>,
}

impl Room {
    fn fill(
        &mut self,
        queries: impl Iterator<Item = [f32; HEAD]>,
        keys: impl Iterator<Item = [f32; HEAD]>,
        values: impl Iterator<Item = [f32; HEAD]>,
        length: usize,
    ) {
        self.length = length;
        self.queries.clear();
        self.queries.extend(queries.flatten());
        self.values.clear();
        self.values.extend(values.flatten());
        self.keys.clear();
        self.keys.resize(length.next_multiple_of(PANEL) * HEAD, 0.0);
        for (at, key) in keys.enumerate() {
            let panel = self.keys.chunks_exact_mut(PANEL * HEAD).nth(at / PANEL);
            let column = panel.unwrap_or_default().iter_mut().skip(at % PANEL);
            for (slot, value) in column.step_by(PANEL).zip(key) {
                *slot = value;
            }
        }
    }

    #[inline(always)]
    fn head<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        out: &mut [f32],
        width: usize,
        at: usize,
    ) {
        let padded = self.length.next_multiple_of(PANEL);
        pack::<ROWS>(&self.queries, HEAD, &mut self.packed);
        self.weights.clear();
        self.weights.resize(ROWS * padded, 0.0);
        let mut seen = Vec::new();
        let blocks = self.packed.chunks_exact(ROWS * HEAD);
        for (queries, out) in blocks.zip(out.chunks_mut(ROWS * width)) {
            for (panel, keys) in self.keys.chunks_exact(PANEL * HEAD).enumerate() {
                let scores = block::<S, ROWS, VECTORS>(simd, queries, keys);
                for (row, scores) in self.weights.chunks_exact_mut(padded).zip(&scores) {
                    write(scores, row, panel * PANEL);
                }
            }
            for row in self.weights.chunks_exact_mut(padded) {
                softmax(simd, row, self.length);
            }
            // The padding has no weight, and no value: the values end first.
            pack::<ROWS>(&self.weights, padded, &mut seen);
            let sums = block::<S, ROWS, VECTORS>(simd, &seen, &self.values);
            for (row, sums) in out.chunks_exact_mut(width).zip(&sums) {
                write(sums, row, at);
            }
        }
    }
}

#[inline(always)]
fn write<V: SimdBase<S, Element = f32>, S: Simd>(vectors: &[V], row: &mut [f32], at: usize) {
    let row = row.get_mut(at..at + PANEL).unwrap_or_default();
    for (vector, out) in vectors.iter().zip(row.chunks_exact_mut(V::LEN)) {
        vector.store_slice(out);
    }
}
