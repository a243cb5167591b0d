//! Attention in float32, without a matrix of all scores: they are made in tiles, and the softmax of a row
//! goes on from tile to tile (Dao et al., "FlashAttention", 2022; Milakov and Gimelshein, "Online normalizer
//! calculation for softmax", 2018).

mod keys;
mod operands;
mod softmax;
mod task;
#[cfg(test)]
mod tests;

use super::gemm::Tiles;
use super::pool::Pool;
use operands::Operands;
use std::ops::Range;

/// Queries, keys or values of one head: rows of contiguous floats.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Head {
    /// The first element of the first row.
    pub(crate) pointer: *const f32,
    /// From row to row, in elements; it may be 0 or negative.
    pub(crate) row_stride: isize,
}

impl Head {
    /// Its rows from one on.
    fn from(self, row: usize) -> Self {
        Self { pointer: self.pointer.wrapping_offset(row as isize * self.row_stride), ..self }
    }
}

/// The sizes of an attention.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// The heads of all batches.
    pub(crate) heads: usize,
    /// The queries of a head.
    pub(crate) queries: usize,
    /// The keys, and values, of a head.
    pub(crate) keys: usize,
    /// The elements of a query and of a key.
    pub(crate) depth: usize,
    /// The elements of a value.
    pub(crate) width: usize,
    /// Whether a row is 0 whose weights are NaN, as of one that sees no key.
    pub(crate) is_guarded: bool,
}

/// The most keys of a tile of scores, and how many floats apart its rows are.
pub(crate) const KEYS: usize = 256;

/// Changes a tile of scores in place (scales it, adds a mask): those of some queries and keys of a head, in
/// rows [`KEYS`] floats apart.
pub(crate) type Score<'a> = &'a (dyn Fn(usize, Range<usize>, Range<usize>, *mut f32) + Sync);

/// The rows of a head, by its number.
pub(crate) type Heads<'a> = &'a (dyn Fn(usize) -> Head + Sync);

/// The first element and the row stride of a head's result, by the head's number.
pub(crate) type Outs<'a> = &'a (dyn Fn(usize) -> (*mut f32, isize) + Sync);

/// The most rows of a task.
const ROWS: usize = 512;
/// The fewest tiles of a task where a group of heads is shared by many.
const TILES: usize = 4;
/// A task has at least so many multiplications, where there are as many.
const SMALL: usize = 128 * 1024;

/// `out` = softmax(score(Q · Kᵀ)) · V for each head.
///
/// The softmax is that of ONNX, exp(s − max) / Σ exp(s − max): a row of which all scores are −∞, or one is
/// NaN or +∞, is NaN, or 0 if they are guarded. Without keys the result is 0.
///
/// Neighbouring heads with the same keys and values are worked on together, so that these are read once.
/// Each sum is made in an order that depends on the sizes alone, not on the threads.
///
/// # Safety
/// The elements of `q`, `k` and `v` can be read, those of `out` be written, by all threads, and nothing else
/// uses the latter meanwhile. `score` writes nothing but its tile.
#[expect(clippy::too_many_arguments, reason = "they are the operands")]
pub(crate) unsafe fn attention(
    pool: &Pool,
    tiles: &'static Tiles,
    sizes: &Sizes,
    q: Heads<'_>,
    k: Heads<'_>,
    v: Heads<'_>,
    out: Outs<'_>,
    score: Option<Score<'_>>,
) {
    let Sizes { heads, queries, keys, depth, width, .. } = *sizes;
    if heads == 0 || queries == 0 || width == 0 {
        return;
    }
    let group = group(heads, &|head| (k(head), v(head)));
    let operands = Operands { tiles, sizes: *sizes, group, q, k, v, out, score };
    // A task is some tiles of a group's rows.
    let (groups, rows) = (heads / group, group * queries);
    let all = rows.div_ceil(tiles.mr);
    let fewest = rows.div_ceil(ROWS);
    let parts = (4 * pool.threads()).div_ceil(groups).min(all / TILES).max(fewest);
    let each = all.div_ceil(parts);
    let parts = all.div_ceil(each);
    let work = (each * tiles.mr).min(rows) * keys * (depth + width);
    let at_once = (SMALL / work.max(1)).max(1);
    let tasks = groups * parts;
    pool.run(tasks.div_ceil(at_once), &|first| {
        for task in first * at_once..tasks.min((first + 1) * at_once) {
            let first = task % parts * each * tiles.mr;
            let part = first..rows.min(first + each * tiles.mr);
            // SAFETY: as the caller says; the rows are of this task alone.
            unsafe { operands.run(task / parts, part) };
        }
    });
}

/// How many neighbouring heads have the same keys and values, where all groups are as large.
fn group(heads: usize, of: &dyn Fn(usize) -> (Head, Head)) -> usize {
    let first = of(0);
    let group = (1..heads).take_while(|head| of(*head) == first).count() + 1;
    let is_of_group = |head| of(head) == of(head / group * group);
    if heads.is_multiple_of(group) && (group..heads).all(is_of_group) { group } else { 1 }
}
