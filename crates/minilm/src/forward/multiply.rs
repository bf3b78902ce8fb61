//! Multiplication of activations by weights of 8 bits.
//!
//! A panel of weights becomes f32 once for a strip of tokens, and stays in the first cache while blocks of tokens pass it. A block
//! times a panel is kept in registers: how many tokens make a block depends on how many registers there are.

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::Matrix;

/// Rows of weights that are multiplied together.
pub const PANEL: usize = 32;
/// Tokens that pass one panel: their activations fit the second cache.
const STRIP: usize = 96;

/// Room for what is made on the way, kept from one multiplication to the next.
#[derive(Default)]
pub struct Weights {
    panel: Vec<f32>,
    packed: Vec<f32>,
}

/// Writes `input` × `matrix` + bias to `out`, a row for each row of `input`.
#[inline(always)]
pub fn multiply<S: Simd>(
    simd: S,
    input: &[f32],
    matrix: &Matrix,
    room: &mut Weights,
    out: &mut [f32],
) {
    match S::f32s::LEN {
        16 => blocks::<S, 12, 2>(simd, input, matrix, room, out),
        8 => blocks::<S, 3, 4>(simd, input, matrix, room, out),
        _ => blocks::<S, 2, 8>(simd, input, matrix, room, out),
    }
}

#[inline(always)]
fn blocks<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    input: &[f32],
    matrix: &Matrix,
    room: &mut Weights,
    out: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let (columns, rows) = (matrix.columns, matrix.bias.len());
            let strips = input
                .chunks(STRIP * columns)
                .zip(out.chunks_mut(STRIP * rows));
            for (input, out) in strips {
                pack::<ROWS>(input, columns, &mut room.packed);
                let panels = matrix.panels.chunks_exact(columns * PANEL);
                let (scales, _) = matrix.scales.as_chunks::<PANEL>();
                let (biases, _) = matrix.bias.as_chunks::<PANEL>();
                for (at, ((panel, scales), biases)) in panels.zip(scales).zip(biases).enumerate() {
                    widen(panel, &mut room.panel);
                    let tokens = room.packed.chunks_exact(columns * ROWS);
                    for (tokens, out) in tokens.zip(out.chunks_mut(ROWS * rows)) {
                        let sums = block::<S, ROWS, VECTORS>(simd, tokens, &room.panel);
                        for (sums, row) in sums.iter().zip(out.chunks_exact_mut(rows)) {
                            let row = row.get_mut(at * PANEL..).unwrap_or_default();
                            store(simd, sums, scales, biases, row);
                        }
                    }
                }
            }
        },
    );
}

/// Rows as [`block`] wants them: blocks of `ROWS`, column after column. The last block is filled up with nothing.
#[inline(always)]
pub fn pack<const ROWS: usize>(input: &[f32], columns: usize, packed: &mut Vec<f32>) {
    let blocks = (input.len() / columns).div_ceil(ROWS);
    packed.clear();
    packed.resize(blocks * ROWS * columns, 0.0);
    for (rows, block) in input
        .chunks(ROWS * columns)
        .zip(packed.chunks_exact_mut(ROWS * columns))
    {
        for (at, row) in rows.chunks_exact(columns).enumerate() {
            for (value, slot) in row.iter().zip(block.iter_mut().skip(at).step_by(ROWS)) {
                *slot = *value;
            }
        }
    }
}

#[inline(always)]
fn widen(panel: &[u8], out: &mut Vec<f32>) {
    out.resize(panel.len(), 0.0);
    for (out, &byte) in out.iter_mut().zip(panel) {
        *out = f32::from(byte.cast_signed());
    }
}

/// A block of packed rows times a panel: the sums over all columns.
#[inline(always)]
pub fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    tokens: &[f32],
    panel: &[f32],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[S::f32s::splat(simd, 0.0); VECTORS]; ROWS];
    let (tokens, _) = tokens.as_chunks::<ROWS>();
    let (panel, _) = panel.as_chunks::<PANEL>();
    for (tokens, weights) in tokens.iter().zip(panel) {
        let mut vectors = [S::f32s::splat(simd, 0.0); VECTORS];
        for (vector, part) in vectors.iter_mut().zip(weights.chunks_exact(S::f32s::LEN)) {
            *vector = S::f32s::from_slice(simd, part);
        }
        for (sums, &token) in sums.iter_mut().zip(tokens) {
            let token = S::f32s::splat(simd, token);
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = token.mul_add(vector, *sum);
            }
        }
    }
    sums
}

#[inline(always)]
fn store<S: Simd>(
    simd: S,
    sums: &[S::f32s],
    scales: &[f32; PANEL],
    biases: &[f32; PANEL],
    out: &mut [f32],
) {
    let wide = S::f32s::LEN;
    let by = scales.chunks_exact(wide).zip(biases.chunks_exact(wide));
    for ((sum, (scale, bias)), out) in sums.iter().zip(by).zip(out.chunks_exact_mut(wide)) {
        let (scale, bias) = (
            S::f32s::from_slice(simd, scale),
            S::f32s::from_slice(simd, bias),
        );
        sum.mul_add(scale, bias).store_slice(out);
    }
}
