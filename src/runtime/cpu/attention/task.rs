//! Attention of some queries: a task of one thread.

use super::super::gemm::{LINE, STEPS, Tile};
use super::keys::{Dots, Keys, Pack};
use super::operands::Operands;
use super::softmax::{Scale, Softmax};
use super::{Head, KEYS, Sizes};
use std::ops::Range;

/// How many rows ahead of where they are used values are fetched.
const AHEAD: usize = 16;
/// What tiles have in common.
const TILE: Tile = Tile {
    rows: 0,
    columns: 0,
    depth: 0,
    a: std::ptr::null(),
    a_row: 0,
    a_depth: 1,
    b: std::ptr::null(),
    b_depth: 0,
    c: std::ptr::null_mut(),
    c_row: 0,
    adds: false,
    bias: std::ptr::null(),
    ahead: std::ptr::null(),
    lines_ahead: 0,
};

/// Some rows of a group, and memory for them.
pub(super) struct Task<'a> {
    pub(super) operands: &'a Operands<'a>,
    /// The first head of the group.
    pub(super) head: usize,
    pub(super) rows: Range<usize>,
    /// The queries of the rows.
    pub(super) queries: Head,
    /// Some keys in panels.
    pub(super) keys: *mut f32,
    /// Some values, one after the other.
    pub(super) values: *mut f32,
    /// Scores of some rows, `KEYS` floats apart.
    pub(super) scores: *mut f32,
    /// The sums of weighted values of each row.
    pub(super) outs: *mut f32,
    /// The largest score that each row has had.
    pub(super) largest: *mut f32,
    /// The sum of the weights of each row.
    pub(super) sums: *mut f32,
    /// By what each row's sums are multiplied, as its largest score has changed.
    pub(super) factors: *mut f32,
}

/// Some rows of a task and some keys.
struct Part {
    rows: Range<usize>,
    keys: Range<usize>,
    /// The keys, and those after them.
    k: Head,
    /// The values.
    v: Head,
}

/// SAFETY of all: that of [`Operands::run`], and the memory is as long as is written there.
impl Task<'_> {
    /// Computes all rows.
    pub(super) unsafe fn run(&self) {
        let Sizes { keys, .. } = self.operands.sizes;
        for row in 0..self.rows.len() {
            // SAFETY: see above.
            unsafe {
                *self.largest.add(row) = f32::NEG_INFINITY;
                *self.sums.add(row) = 0.0;
            }
        }
        for first in (0..keys).step_by(KEYS) {
            // SAFETY: see above.
            unsafe { self.walk(first..keys.min(first + KEYS)) };
        }
        // SAFETY: see above.
        unsafe { self.finish() };
    }

    /// Adds what some keys and values give to the sums of all rows.
    unsafe fn walk(&self, keys: Range<usize>) {
        let Operands { tiles, sizes, .. } = self.operands;
        let Sizes { depth, width, .. } = *sizes;
        let k = (self.operands.k)(self.head).from(keys.start);
        let mut v = (self.operands.v)(self.head).from(keys.start);
        let (count, at_once) = (self.rows.len(), self.operands.at_once());
        // SAFETY: see above.
        unsafe {
            if !self.operands.is_few() {
                let keys = Keys { rows: k, count: keys.len(), depth };
                tiles.set.run(Pack { keys, width: tiles.nr, to: self.keys });
            }
            if count > tiles.mr && v.row_stride != width as isize {
                for key in 0..keys.len() {
                    let to = self.values.add(key * width);
                    v.from(key).pointer.copy_to_nonoverlapping(to, width);
                }
                v = Head { pointer: self.values, row_stride: width as isize };
            }
        }
        for first in (0..count).step_by(at_once) {
            let part = Part { rows: first..count.min(first + at_once), keys: keys.clone(), k, v };
            // SAFETY: see above.
            unsafe {
                self.multiply(&part);
                self.score(&part);
                tiles.set.run(Softmax {
                    scores: self.scores,
                    rows: part.rows.len(),
                    keys: keys.len(),
                    largest: self.largest.add(first),
                    sums: self.sums.add(first),
                    factors: self.factors.add(first),
                });
                self.mix(&part);
            }
        }
    }

    /// Multiplies queries with keys.
    unsafe fn multiply(&self, part: &Part) {
        let Operands { tiles, sizes, .. } = self.operands;
        let (depth, queries) = (sizes.depth, self.queries.from(part.rows.start));
        if self.operands.is_few() {
            let keys = Keys { rows: part.k, count: part.keys.len(), depth };
            for row in 0..part.rows.len() {
                let (query, to) = (queries.from(row).pointer, self.scores.wrapping_add(row * KEYS));
                // SAFETY: see above.
                unsafe { tiles.set.run(Dots { query, keys, to }) };
            }
            return;
        }
        for first in (0..part.keys.len()).step_by(tiles.nr) {
            // The panels and the scores have place for whole tiles.
            let tile = Tile {
                columns: tiles.nr,
                depth,
                a: queries.pointer,
                a_row: queries.row_stride,
                b: self.keys.wrapping_add(first * depth),
                b_depth: tiles.nr as isize,
                c: self.scores.wrapping_add(first),
                c_row: KEYS as isize,
                ..TILE
            };
            let values = first..part.keys.len().min(first + tiles.nr);
            // SAFETY: see above.
            unsafe { self.product(part.rows.len(), tile, part.v, sizes.width, values) };
        }
    }

    /// Lets the scores be changed.
    unsafe fn score(&self, part: &Part) {
        let Some(score) = self.operands.score else { return };
        let queries = self.operands.sizes.queries;
        let start = self.rows.start + part.rows.start;
        let end = self.rows.start + part.rows.end;
        let mut row = start;
        while row < end {
            let (head, first) = (row / queries, row % queries);
            let count = (end - row).min(queries - first);
            let place = self.scores.wrapping_add((row - start) * KEYS);
            score(self.head + head, first..first + count, part.keys.clone(), place);
            row += count;
        }
    }

    /// Adds the values, weighted, to the sums.
    unsafe fn mix(&self, part: &Part) {
        let Operands { tiles, sizes, .. } = self.operands;
        let Sizes { keys, depth, width, .. } = *sizes;
        let outs = self.outs.wrapping_add(part.rows.start * width);
        let adds = part.keys.start > 0;
        for (index, row) in part.rows.clone().enumerate() {
            // SAFETY: see above.
            unsafe {
                let (factor, outs) = (*self.factors.add(row), outs.add(index * width));
                if adds && factor != 1.0 {
                    tiles.set.run(Scale { from: outs, to: outs, n: width, factor });
                }
            }
        }
        // Each panel fetches some of the keys that come next; or the first of few rows the values.
        let next = part.keys.len()..part.keys.len() + KEYS.min(keys - part.keys.end);
        let share = next.len().div_ceil(width.div_ceil(tiles.nr));
        for (index, first) in (0..width).step_by(tiles.nr).enumerate() {
            let tile = Tile {
                columns: tiles.nr.min(width - first),
                depth: part.keys.len(),
                a: self.scores,
                a_row: KEYS as isize,
                b: part.v.pointer.wrapping_add(first),
                b_depth: part.v.row_stride,
                c: outs.wrapping_add(first),
                c_row: width as isize,
                adds,
                ..TILE
            };
            let (of, len, ahead) = if !self.operands.is_few() {
                let start = next.end.min(next.start + index * share);
                (part.k, depth, start..next.end.min(start + share))
            } else if index == 0 {
                (part.v, width, AHEAD..AHEAD + part.keys.len())
            } else {
                (part.v, width, 0..0)
            };
            // SAFETY: see above.
            unsafe { self.product(part.rows.len(), tile, of, len, ahead) };
        }
    }

    /// Computes a tile, and those below it. What comes next is fetched ahead: some rows of `len` floats.
    unsafe fn product(
        &self,
        rows: usize,
        first: Tile,
        next: Head,
        len: usize,
        ahead: Range<usize>,
    ) {
        let tiles = self.operands.tiles;
        // What more tiles use is in the cache soon, as are few keys.
        let is_far = self.rows.len() <= tiles.mr && self.operands.sizes.keys > KEYS;
        let lines = if is_far && next.row_stride == len as isize {
            (ahead.len() * len).div_ceil(LINE).div_ceil((first.depth / STEPS).max(1))
        } else {
            0
        };
        for row in (0..rows).step_by(tiles.mr) {
            let tile = Tile {
                rows: tiles.mr.min(rows - row),
                a: first.a.wrapping_offset(row as isize * first.a_row),
                c: first.c.wrapping_offset(row as isize * first.c_row),
                ahead: next.from(ahead.start).pointer,
                lines_ahead: lines,
                ..first
            };
            // SAFETY: see above.
            unsafe { tiles.run(&tile) };
        }
    }

    /// Writes the result of all rows.
    unsafe fn finish(&self) {
        let Operands { tiles, sizes, out, .. } = self.operands;
        let Sizes { queries, keys, width, is_guarded, .. } = *sizes;
        for (index, row) in self.rows.clone().enumerate() {
            let (pointer, stride) = out(self.head + row / queries);
            let to = pointer.wrapping_offset((row % queries) as isize * stride);
            // SAFETY: see above.
            unsafe {
                let sum = *self.sums.add(index);
                // A row that sees no key has the sum 0.
                if keys == 0 || is_guarded && (sum == 0.0 || sum.is_nan()) {
                    std::slice::from_raw_parts_mut(to, width).fill(0.0);
                } else {
                    let from = self.outs.add(index * width);
                    tiles.set.run(Scale { from, to, n: width, factor: 1.0 / sum });
                }
            }
        }
    }
}
