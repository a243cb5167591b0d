//! Products with keys, and keys in panels.

use super::super::gemm::{Loop, Vector};
use super::Head;

/// Some keys.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) rows: Head,
    pub(super) count: usize,
    pub(super) depth: usize,
}

impl Keys {
    /// The places of `L` keys from `first` on; beyond the last one that of the last.
    #[inline(always)]
    fn places<const L: usize>(&self, first: usize) -> [*const f32; L] {
        let Head { pointer, row_stride } = self.rows;
        std::array::from_fn(|i| {
            pointer.wrapping_offset((first + i).min(self.count - 1) as isize * row_stride)
        })
    }
}

/// The products of a query with keys.
///
/// SAFETY: the query and the keys can be read, and their number rounded up to a multiple of `L` floats be
/// written at `to`.
pub(super) struct Dots {
    pub(super) query: *const f32,
    pub(super) keys: Keys,
    pub(super) to: *mut f32,
}

impl Loop for Dots {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) {
        let Self { query: q, keys, to } = self;
        let depth = keys.depth;
        let whole = depth / L * L;
        for first in (0..keys.count).step_by(L) {
            // SAFETY: the places are those of keys, and the steps within the depth.
            unsafe {
                let all = V::mask(L);
                let rows: [*const f32; L] = keys.places(first);
                let mut sums = [V::splat(0.0); L];
                for step in (0..whole).step_by(L) {
                    let query = V::load(q.add(step), all);
                    for i in 0..L {
                        sums[i] = query.mul_add(V::load(rows[i].add(step), all), sums[i]);
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
                sums[0].store(to.add(first), all);
                for step in whole..depth {
                    for (i, row) in rows.into_iter().enumerate() {
                        *to.add(first + i) += *q.add(step) * *row.add(step);
                    }
                }
            }
        }
    }
}

/// A copy of keys in panels of `width` keys, in each of which a step of the depth comes after the other. The
/// last panel is padded with the last key.
///
/// SAFETY: the keys can be read, and their number rounded up to a multiple of `width` (one of `L`) times the
/// depth floats be written at `to`.
pub(super) struct Pack {
    pub(super) keys: Keys,
    pub(super) width: usize,
    pub(super) to: *mut f32,
}

impl Loop for Pack {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) {
        let Self { keys, width, to } = self;
        let depth = keys.depth;
        let whole = depth / L * L;
        for first in (0..keys.count.next_multiple_of(width)).step_by(L) {
            // SAFETY: the places are those of keys, the steps within the depth, and the panel one of `to`.
            unsafe {
                let all = V::mask(L);
                let rows: [*const f32; L] = keys.places(first);
                let to = to.add(first / width * width * depth + first % width);
                for step in (0..whole).step_by(L) {
                    // Each turn moves the highest bit of an element's row to the lowest of its column, and
                    // that of its column to the lowest of its row.
                    let mut square = [V::splat(0.0); L];
                    for i in 0..L {
                        square[i] = V::load(rows[i].add(step), all);
                    }
                    for _ in 0..L.ilog2() {
                        let last = square;
                        for i in 0..L / 2 {
                            (square[2 * i], square[2 * i + 1]) =
                                last[i].interleave(last[i + L / 2]);
                        }
                    }
                    for (i, row) in square.iter().enumerate() {
                        row.store(to.add((step + i) * width), all);
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
}
