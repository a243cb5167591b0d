//! The softmax of rows of scores, as more of them come.

use super::super::gemm::{Loop, Vector};
use super::KEYS;

/// e^x for x ≤ 0, within 2 units in the last place; below −87.3 it may be 0, and is for −∞. NaN gives NaN.
///
/// 2^n · e^r with x = n · ln 2 + r and |r| ≤ ln 2 / 2, where ln 2 is the sum of two floats. The polynomial
/// is the minimax one of degree 6 with 1 + r as its begin, of relative error 3e-9.
#[inline(always)]
pub(super) fn exp(x: f32, has_fma: bool) -> f32 {
    /// A float of this size holds an integer in its lowest bits: here n and the exponent's bias.
    const SHIFT: f32 = 12_582_912.0 + 127.0;
    // Where n is −127, the bits of 2^n are those of 0.
    let x = if -88.0 > x { -88.0 } else { x };
    let shifted = mul_add(x, std::f32::consts::LOG2_E, SHIFT, has_fma);
    let n = shifted - SHIFT;
    let r = mul_add(n, -0.693_145_75, x, has_fma);
    let r = mul_add(n, -1.428_606_8e-6, r, has_fma);
    let mut y = 0.001_381_459_9;
    for c in [0.008_368_717, 0.041_668_39, 0.166_665_21, 0.499_999_94, 1.0, 1.0] {
        y = mul_add(y, r, c, has_fma);
    }
    y * f32::from_bits(shifted.to_bits() << 23)
}

/// `a · b + c`, rounded once where the processor does so in one instruction.
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32, has_fma: bool) -> f32 {
    if has_fma { a.mul_add(b, c) } else { a * b + c }
}

/// Goes on with the softmax of rows of scores, which stand [`KEYS`] floats apart: each score s becomes
/// exp(s − largest), and 0 where even the largest is −∞.
///
/// SAFETY: at `scores` are `rows` rows; of each, `keys` rounded up to a multiple of `L` floats can be written,
/// the first `keys` read. At the other places are `rows` floats.
pub(super) struct Softmax {
    pub(super) scores: *mut f32,
    pub(super) rows: usize,
    pub(super) keys: usize,
    /// The largest score of each row so far, before and after.
    pub(super) largest: *mut f32,
    /// The sum of its exponentials so far.
    pub(super) sums: *mut f32,
    /// Set to what earlier results have to be multiplied by, as the largest score has changed.
    pub(super) factors: *mut f32,
}

impl Loop for Softmax {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) {
        let Self { scores, rows, keys, largest, sums, factors } = self;
        let vectors = keys.div_ceil(L);
        // SAFETY: as the caller says.
        let (largest, sums, factors) = unsafe {
            let of = |place| std::slice::from_raw_parts_mut(place, rows);
            (of(largest), of(sums), of(factors))
        };
        for row in 0..rows {
            // SAFETY: as the caller says; all that is read has been written.
            unsafe {
                let scores = scores.add(row * KEYS);
                for key in keys..vectors * L {
                    *scores.add(key) = f32::NEG_INFINITY;
                }
                // Several are kept, so that one does not wait for the other.
                let mut most = [V::splat(largest[row]); 4];
                for vector in 0..vectors {
                    most[vector % 4] =
                        V::load(scores.add(vector * L), V::mask(L)).max(most[vector % 4]);
                }
                let most = most[0].max(most[1]).max(most[2].max(most[3])).largest();
                factors[row] = largest[row];
                largest[row] = most;
            }
        }
        let zero = |largest| if largest == f32::NEG_INFINITY { 0.0 } else { largest };
        for (factor, largest) in factors.iter_mut().zip(&*largest) {
            *factor = exp(*factor - zero(*largest), V::HAS_FMA);
        }
        for row in 0..rows {
            let zero = zero(largest[row]);
            // SAFETY: as above.
            let scores = unsafe {
                std::slice::from_raw_parts_mut(scores.add(row * KEYS).cast::<[f32; L]>(), vectors)
            };
            let mut sum = [0.0; L];
            for vector in scores {
                for (sum, score) in sum.iter_mut().zip(vector) {
                    *score = exp(*score - zero, V::HAS_FMA);
                    *sum += *score;
                }
            }
            // SAFETY: it is as long as a vector.
            let sum = unsafe { V::load(sum.as_ptr(), V::mask(L)).sum() };
            sums[row] = mul_add(sums[row], factors[row], sum, V::HAS_FMA);
        }
    }
}

/// A copy of `n` floats, multiplied; the places may be the same.
///
/// SAFETY: they can be read at `from` and written at `to`.
pub(super) struct Scale {
    pub(super) from: *const f32,
    pub(super) to: *mut f32,
    pub(super) n: usize,
    pub(super) factor: f32,
}

impl Loop for Scale {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) {
        for i in 0..self.n {
            // SAFETY: as the caller says.
            unsafe { *self.to.add(i) = *self.from.add(i) * self.factor };
        }
    }
}
