//! What attention does with rows of floats: loops over arrays as long as the processor's vectors, compiled
//! once for each kind of processor.

use super::super::gemm::{Set, Tiles};
use super::{keys, softmax};

/// Functions for a kind of processor.
pub(super) struct Rows {
    pub(super) softmax: Softmax,
    pub(super) scale: Scale,
    pub(super) dots: Dots,
    pub(super) pack: Pack,
}

/// `(scores, rows, keys, largest, sums, factors)`: goes on with the softmax of rows of scores, which stand
/// [`super::KEYS`] floats apart. Of each row, `largest` is the largest score so far, before and after; each
/// score s becomes exp(s − largest), and 0 where even the largest is −∞. `sums` is the sum of these so far.
/// `factors` are set to what earlier results have to be multiplied by, as the largest score has changed.
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
        match tiles.set {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => &avx512::ROWS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => &avx2::ROWS,
            _ => &portable::ROWS,
        }
    }
}

/// The functions, compiled for vectors of so many floats.
macro_rules! rows {
    ($name:ident, $vector:ty, $lanes:literal $(, $features:literal)?) => {
        mod $name {
            pub(super) static ROWS: super::Rows = super::Rows { softmax, scale, dots, pack };

            /// # Safety
            /// That of [`super::softmax::softmax`].
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
                    super::softmax::softmax::<$vector, $lanes>(
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
            /// That of [`super::keys::dots`].
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
                unsafe { super::keys::dots::<$vector, $lanes>(q, k, stride, keys, depth, to) }
            }

            /// # Safety
            /// That of [`super::keys::pack`].
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
                unsafe { super::keys::pack::<$vector, $lanes>(k, stride, keys, depth, width, to) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
rows!(avx512, std::arch::x86_64::__m512, 16, "avx512f");
#[cfg(target_arch = "x86_64")]
rows!(avx2, std::arch::x86_64::__m256, 8, "avx2,fma");
rows!(portable, [f32; 4], 4);

/// # Safety
/// `n` floats can be read at `from` and written at `to`.
#[inline(always)]
unsafe fn scale(from: *const f32, to: *mut f32, n: usize, factor: f32) {
    for i in 0..n {
        // SAFETY: as the caller says.
        unsafe { *to.add(i) = *from.add(i) * factor };
    }
}
