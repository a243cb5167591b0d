//! What attention does with rows of floats: loops over arrays as long as the processor's vectors, compiled
//! once for each kind of processor.

use super::super::gemm::Tiles;
use super::KEYS;
use super::vector::Vector;

/// Functions for a kind of processor.
pub(super) struct Rows {
    /// The floats of a vector: memory for scores is written up to a multiple of it.
    lanes: usize,
    is_here: fn() -> bool,
    pub(super) softmax: Softmax,
    pub(super) scale: Scale,
    pub(super) dots: Dots,
    pub(super) pack: Pack,
}

/// `(scores, rows, keys, largest, sums, factors)`: goes on with the softmax of rows of scores, [`KEYS`] floats
/// apart. `largest` has the largest score that each row has had, then with these. Each score s becomes
/// exp(s − largest), 0 where even the largest is −∞. To `sums` of them, by earlier largest ones, `factors`
/// are applied before what is new is added; earlier results are to be multiplied by them too.
type Softmax = unsafe fn(*mut f32, usize, usize, *mut f32, *mut f32, *mut f32);

/// `(from, to, n, factor)`: copies n floats, multiplied; the places may be the same.
type Scale = unsafe fn(*const f32, *mut f32, usize, f32);

/// `(q, k, stride, keys, depth, to)`: the products of a query with keys that stand `stride` apart.
type Dots = unsafe fn(*const f32, *const f32, isize, usize, usize, *mut f32);

/// `(k, stride, keys, depth, width, to)`: copies keys into panels of `width` keys, in each of which a step
/// of the depth comes after the other. The last panel is padded with the last key.
type Pack = unsafe fn(*const f32, isize, usize, usize, usize, *mut f32);

impl Rows {
    /// The functions for the kind of processor that `tiles` are for.
    pub(super) fn of(tiles: &Tiles) -> &'static Self {
        #[cfg(target_arch = "x86_64")]
        let sets = [&avx512::ROWS, &avx2::ROWS];
        #[cfg(not(target_arch = "x86_64"))]
        let sets: [&Self; 0] = [];
        let fits = |rows: &&Self| 2 * rows.lanes <= tiles.nr && (rows.is_here)();
        sets.into_iter().find(fits).unwrap_or(&portable::ROWS)
    }
}

/// The functions, compiled for vectors of so many floats.
macro_rules! rows {
    ($name:ident, $vector:ty, $lanes:literal, $fma:expr, $is_here:expr $(, $features:literal)?) => {
        mod $name {
            pub(super) static ROWS: super::Rows =
                super::Rows { lanes: $lanes, is_here: || $is_here, softmax, scale, dots, pack };

            /// # Safety
            /// That of [`super::softmax`].
            $(#[target_feature(enable = $features)])?
            unsafe fn softmax(
                scores: *mut f32,
                rows: usize,
                keys: usize,
                largest: *mut f32,
                sums: *mut f32,
                factors: *mut f32,
            ) {
                // SAFETY: as the caller says.
                unsafe {
                    super::softmax::<$vector, $lanes, { $fma }>(
                        scores, rows, keys, largest, sums, factors,
                    )
                }
            }

            /// # Safety
            /// That of [`super::scale`].
            $(#[target_feature(enable = $features)])?
            unsafe fn scale(from: *const f32, to: *mut f32, n: usize, factor: f32) {
                // SAFETY: as the caller says.
                unsafe { super::scale(from, to, n, factor) }
            }

            /// # Safety
            /// That of [`super::dots`].
            $(#[target_feature(enable = $features)])?
            unsafe fn dots(
                q: *const f32,
                k: *const f32,
                stride: isize,
                keys: usize,
                depth: usize,
                to: *mut f32,
            ) {
                // SAFETY: as the caller says.
                unsafe { super::dots::<$vector, $lanes>(q, k, stride, keys, depth, to) }
            }

            /// # Safety
            /// That of [`super::pack`].
            $(#[target_feature(enable = $features)])?
            unsafe fn pack(
                k: *const f32,
                stride: isize,
                keys: usize,
                depth: usize,
                width: usize,
                to: *mut f32,
            ) {
                // SAFETY: as the caller says.
                unsafe { super::pack::<$vector, $lanes>(k, stride, keys, depth, width, to) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
rows!(avx512, std::arch::x86_64::__m512, 16, true, is_x86_feature_detected!("avx512f"), "avx512f");
#[cfg(target_arch = "x86_64")]
rows!(
    avx2,
    std::arch::x86_64::__m256,
    8,
    true,
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
    "avx2,fma"
);
rows!(portable, [f32; 4], 4, super::HAS_FMA, true);

/// Whether the compiler makes an instruction of `mul_add` for any processor, and not a call.
pub(super) const HAS_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// `a · b + c`, rounded once where `FMA` says that the processor can.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x for x ≤ 0, within 2 units in the last place; below −87.3 it may be 0, and is for −∞. NaN gives NaN.
///
/// 2^n · e^r with x = n · ln 2 + r and |r| ≤ ln 2 / 2, where ln 2 is the sum of two floats. The polynomial
/// is the minimax one of degree 6 with 1 + r as its begin, of relative error 3e-9.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    /// A float of this size holds an integer in its lowest bits: here n and the exponent's bias.
    const SHIFT: f32 = 12_582_912.0 + 127.0;
    // Where n is −127, the bits of 2^n are those of 0.
    let x = if -88.0 > x { -88.0 } else { x };
    let shifted = mul_add::<FMA>(x, std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = mul_add::<FMA>(n, -0.693_145_75, x);
    let r = mul_add::<FMA>(n, -1.428_606_8e-6, r);
    let mut y = 0.001_381_459_9;
    for c in [0.008_368_717, 0.041_668_39, 0.166_665_21, 0.499_999_94, 1.0, 1.0] {
        y = mul_add::<FMA>(y, r, c);
    }
    y * f32::from_bits(shifted.to_bits() << 23)
}

/// # Safety
/// At `scores` are `rows` rows; of each, `keys` rounded up to a multiple of `L` floats can be written, the
/// first `keys` read. At the other places are `rows` floats.
#[inline(always)]
unsafe fn softmax<V: Vector, const L: usize, const FMA: bool>(
    scores: *mut f32,
    rows: usize,
    keys: usize,
    largest: *mut f32,
    sums: *mut f32,
    factors: *mut f32,
) {
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
                most[vector % 4] = V::load(scores.add(vector * L)).max(most[vector % 4]);
            }
            let most = most[0].max(most[1]).max(most[2].max(most[3])).largest();
            factors[row] = largest[row];
            largest[row] = most;
        }
    }
    let zero = |largest| if largest == f32::NEG_INFINITY { 0.0 } else { largest };
    for (factor, largest) in factors.iter_mut().zip(&*largest) {
        *factor = exp::<FMA>(*factor - zero(*largest));
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
                *score = exp::<FMA>(*score - zero);
                *sum += *score;
            }
        }
        // SAFETY: it is as long as a vector.
        let sum = unsafe { V::load(sum.as_ptr()).sum() };
        sums[row] = mul_add::<FMA>(sums[row], factors[row], sum);
    }
}

/// # Safety
/// `n` floats can be read at `from` and written at `to`.
#[inline(always)]
unsafe fn scale(from: *const f32, to: *mut f32, n: usize, factor: f32) {
    for i in 0..n {
        // SAFETY: as the caller says.
        unsafe { *to.add(i) = *from.add(i) * factor };
    }
}

/// The places of `L` keys from `first` on; beyond the last one that of the last.
///
/// # Safety
/// There are keys.
#[inline(always)]
unsafe fn places<const L: usize>(
    k: *const f32,
    stride: isize,
    keys: usize,
    first: usize,
) -> [*const f32; L] {
    std::array::from_fn(|i| k.wrapping_offset((first + i).min(keys - 1) as isize * stride))
}

/// # Safety
/// The query and the keys can be read, and `keys` rounded up to a multiple of `L` floats be written at `to`.
#[inline(always)]
unsafe fn dots<V: Vector, const L: usize>(
    q: *const f32,
    k: *const f32,
    stride: isize,
    keys: usize,
    depth: usize,
    to: *mut f32,
) {
    let whole = depth / L * L;
    for first in (0..keys).step_by(L) {
        // SAFETY: the places are those of keys, and the steps within the depth.
        unsafe {
            let rows: [*const f32; L] = places(k, stride, keys, first);
            let mut sums = [V::zero(); L];
            for step in (0..whole).step_by(L) {
                let query = V::load(q.add(step));
                for i in 0..L {
                    sums[i] = query.mul_add(V::load(rows[i].add(step)), sums[i]);
                }
            }
            let mut count = L / 2;
            while count > 0 {
                for i in 0..count {
                    let (low, high) = sums[i].interleave(sums[i + count]);
                    sums[i] = low.add(high);
                }
                count /= 2;
            }
            sums[0].store(to.add(first));
            for step in whole..depth {
                for (i, row) in rows.into_iter().enumerate() {
                    *to.add(first + i) += *q.add(step) * *row.add(step);
                }
            }
        }
    }
}

/// # Safety
/// The keys can be read, and `keys` rounded up to a multiple of `width` (one of `L`) times `depth` floats
/// be written at `to`.
#[inline(always)]
unsafe fn pack<V: Vector, const L: usize>(
    k: *const f32,
    stride: isize,
    keys: usize,
    depth: usize,
    width: usize,
    to: *mut f32,
) {
    let whole = depth / L * L;
    for first in (0..keys.next_multiple_of(width)).step_by(L) {
        // SAFETY: the places are those of keys, the steps within the depth, and the panel one of `to`.
        unsafe {
            let rows: [*const f32; L] = places(k, stride, keys, first);
            let to = to.add(first / width * width * depth + first % width);
            for step in (0..whole).step_by(L) {
                // Each turn moves the highest bit of an element's row to the lowest of its column, and
                // that of its column to the lowest of its row.
                let mut square = [V::zero(); L];
                for i in 0..L {
                    square[i] = V::load(rows[i].add(step));
                }
                for _ in 0..L.ilog2() {
                    let last = square;
                    for i in 0..L / 2 {
                        (square[2 * i], square[2 * i + 1]) = last[i].interleave(last[i + L / 2]);
                    }
                }
                for i in 0..L {
                    square[i].store(to.add((step + i) * width));
                }
            }
            for step in whole..depth {
                for (i, row) in rows.into_iter().enumerate() {
                    *to.add(step * width + i) = *row.add(step);
                }
            }
        }
    }
}
