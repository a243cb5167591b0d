//! The kernel, for any vectors.

use super::{LINE, STEPS, Tile};

/// A vector of the processor. Its methods are inlined into functions that enable its instructions.
pub(crate) trait Vector: Copy {
    /// Its elements.
    const LANES: usize;
    /// Whether the processor multiplies and adds in one instruction, and rounds once.
    const HAS_FMA: bool;
    /// Which of its elements are read or written.
    type Mask: Copy;

    /// The first `count` elements (all, if there are not as many).
    unsafe fn mask(count: usize) -> Self::Mask;
    unsafe fn zero() -> Self;
    /// Reads the elements of the mask; the others are 0.
    unsafe fn load(place: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store(self, place: *mut f32, mask: Self::Mask);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// `self · other + sum`.
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self;
    /// The greater; a NaN is greater than all.
    unsafe fn greater(self, other: Self) -> Self;
    /// The greater of each two elements, or any of them where one is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// The sum of its elements.
    unsafe fn sum(self) -> f32;
    /// The largest of its elements, none of which is NaN.
    unsafe fn largest(self) -> f32;
    /// The elements of both in turn: those of the first halves, and those of the second.
    unsafe fn interleave(self, other: Self) -> (Self, Self);
    /// Fetches a cache line.
    unsafe fn prefetch(place: *const f32);
}

/// Vectors side by side in a tile.
pub(super) const VECTORS: usize = 2;

/// Computes a tile of `R` rows. `S` sums are kept for each element, so that few rows do not wait for
/// additions. `BY_ROWS`: the rows of `a` are contiguous, else its columns.
///
/// # Safety
/// That of [`super::Tiles::run`].
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const S: usize, const BY_ROWS: bool>(
    t: &Tile,
) {
    // SAFETY: as the caller says.
    unsafe {
        if t.columns == VECTORS * V::LANES {
            tile_of_columns::<V, R, S, BY_ROWS>(t, VECTORS * V::LANES);
        } else {
            tile_of_columns::<V, R, S, BY_ROWS>(t, t.columns);
        }
    }
}

/// Computes a tile of so many columns; where the number is known, masks cost nothing.
///
/// # Safety
/// That of [`super::Tiles::run`].
#[inline(always)]
unsafe fn tile_of_columns<V: Vector, const R: usize, const S: usize, const BY_ROWS: bool>(
    t: &Tile,
    columns: usize,
) {
    let a_row = if BY_ROWS { t.a_row } else { 1 };
    let a_depth = if BY_ROWS { 1 } else { t.a_depth };
    // SAFETY: the places are those that the caller vouches for: rows below `R`, steps below `depth`, and
    // the columns of the masks.
    unsafe {
        let masks: [V::Mask; VECTORS] =
            std::array::from_fn(|v| V::mask(columns.saturating_sub(v * V::LANES)));
        let mut sums = [[[V::zero(); VECTORS]; R]; S];
        let (mut a, mut b, mut ahead) = (t.a, t.b, t.ahead);
        for _ in 0..t.depth / STEPS {
            for _ in 0..t.lines_ahead {
                V::prefetch(ahead);
                ahead = ahead.wrapping_add(LINE);
            }
            for index in 0..STEPS {
                step(&mut sums[index % S], a, a_row, b, masks);
                a = a.wrapping_offset(a_depth);
                b = b.wrapping_offset(t.b_depth);
            }
        }
        for _ in 0..t.depth % STEPS {
            step(&mut sums[0], a, a_row, b, masks);
            a = a.wrapping_offset(a_depth);
            b = b.wrapping_offset(t.b_depth);
        }
        for row in 0..R {
            let bias = if t.bias.is_null() { V::zero() } else { V::splat(*t.bias.add(row)) };
            for (v, mask) in masks.into_iter().enumerate() {
                let place = t.c.offset(row as isize * t.c_row).wrapping_add(v * V::LANES);
                let mut sum = sums[0][row][v];
                for more in &sums[1..] {
                    sum = sum.add(more[row][v]);
                }
                if t.adds {
                    sum = sum.add(V::load(place, mask));
                }
                sum.add(bias).store(place, mask);
            }
        }
    }
}

/// Adds the products of a column of `a` and a row of `b`.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn step<V: Vector, const R: usize>(
    sums: &mut [[V; VECTORS]; R],
    a: *const f32,
    a_row: isize,
    b: *const f32,
    masks: [V::Mask; VECTORS],
) {
    // SAFETY: as the caller says.
    unsafe {
        let right: [V; VECTORS] =
            std::array::from_fn(|v| V::load(b.wrapping_add(v * V::LANES), masks[v]));
        for (row, sums) in sums.iter_mut().enumerate() {
            let left = V::splat(*a.offset(row as isize * a_row));
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = left.mul_add(right, *sum);
            }
        }
    }
}

/// The tables of kernels: `kernels!(function; rows sums, …)`.
macro_rules! kernels {
    ($function:ident; $($rows:literal $sums:literal),*) => {
        [&[$($function::<$rows, $sums, false>),*], &[$($function::<$rows, $sums, true>),*]]
    };
}
pub(super) use kernels;
