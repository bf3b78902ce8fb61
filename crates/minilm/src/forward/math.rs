//! What happens to activations between multiplications. Written for the compiler to vectorise.

use fearless_simd::Simd;

use super::Norm;

const LANES: usize = 16;
const EPSILON: f32 = 1e-12;
/// One over the root of a head's numbers.
const HEAD_SCALE: f32 = 0.176_776_7;

/// Adds `more` to each row of `state` and normalises it.
#[inline(always)]
pub fn add_norm<S: Simd>(simd: S, state: &mut [f32], more: Option<&[f32]>, norm: &Norm) {
    simd.vectorize(
        #[inline(always)]
        || {
            let width = norm.gain.len();
            if let Some(more) = more {
                for (value, more) in state.iter_mut().zip(more) {
                    *value += more;
                }
            }
            for row in state.chunks_exact_mut(width) {
                let mean = sum(row, |value| value) / width as f32;
                let variance = sum(row, |value| (value - mean) * (value - mean)) / width as f32;
                let scale = 1.0 / (variance + EPSILON).sqrt();
                for ((value, gain), bias) in row.iter_mut().zip(&norm.gain).zip(&norm.bias) {
                    *value = (*value - mean) * scale * gain + bias;
                }
            }
        },
    );
}

/// The sum of `of` over a row whose length is a multiple of [`LANES`].
#[inline(always)]
fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for part in row.as_chunks::<LANES>().0 {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += of(*value);
        }
    }
    sums.iter().sum()
}

/// The Gaussian error linear unit, by the error function: Abramowitz and Stegun 7.1.26, right to 1.5e-7.
#[inline(always)]
pub fn gelu<S: Simd>(simd: S, values: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for value in values {
                let x = *value * std::f32::consts::FRAC_1_SQRT_2;
                let size = x.abs();
                let t = 1.0 / (1.0 + 0.327_591_1 * size);
                let poly = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74)
                    * t
                    + 0.254_829_6)
                    * t;
                let erf = (1.0 - poly * exp(-size * size)).copysign(x);
                *value = 0.5 * *value * (1.0 + erf);
            }
        },
    );
}

/// Scales the first `length` scores of `row` and makes weights of them that add up to 1; the others become 0.
#[inline(always)]
pub fn softmax<S: Simd>(simd: S, row: &mut [f32], length: usize) {
    simd.vectorize(
        #[inline(always)]
        || {
            let (scores, padding) = row.split_at_mut(length.min(row.len()));
            padding.fill(f32::NEG_INFINITY);
            let mut tops = [f32::NEG_INFINITY; LANES];
            let (parts, rest) = scores.as_chunks::<LANES>();
            for part in parts {
                for (top, value) in tops.iter_mut().zip(part) {
                    *top = if *value > *top { *value } else { *top };
                }
            }
            let top = tops
                .iter()
                .chain(rest)
                .copied()
                .fold(f32::NEG_INFINITY, f32::max);
            for value in row.iter_mut() {
                *value = exp((*value - top) * HEAD_SCALE);
            }
            let scale = 1.0 / sum(row, |value| value);
            for value in row {
                *value *= scale;
            }
        },
    );
}

/// e to the power of `x`, for what is not positive: right to 2e-7 of it; what is next to nothing becomes nothing.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added to a small number, it leaves its whole part in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let power = x * std::f32::consts::LOG2_E + WHOLE;
    let whole = power - WHOLE;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let poly = ((((1.987_569_1e-4 * rest + 1.398_199_9e-3) * rest + 8.333_452e-3) * rest
        + 4.166_579_6e-2)
        * rest
        + 0.166_666_65)
        * rest
        + 0.5;
    let poly = poly * rest * rest + rest + 1.0;
    poly * f32::from_bits(power.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_e_are_right() {
        for step in 0..870 {
            let x = -f64::from(step) / 10.0;
            let off = f64::from(exp(x as f32)) / f64::from(x as f32).exp() - 1.0;
            assert!(off.abs() < 3e-7, "{x}: {off}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn the_unit_is_gelu() {
        let mut values = [-3.0, -1.0, -0.1, 0.0, 0.5, 1.0, 2.0, 10.0];
        fearless_simd::dispatch!(fearless_simd::Level::new(), simd => gelu(simd, &mut values));
        let expected = [
            -0.004_049_7,
            -0.158_655_26,
            -0.046_017_2,
            0.0,
            0.345_731_2,
            0.841_344_7,
            1.954_499_7,
            10.0,
        ];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
    }
}
