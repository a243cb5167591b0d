//! Attention of some queries: a task of one thread.

use super::super::gemm::{Aligned, Tile, Tiles, with_kept};
use super::rows::Rows;
use super::{Head, Heads, KEYS, Outs, Score, Sizes};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// The memory of a task.
    static MEMORY: Cell<Aligned> = Cell::default();
}

/// How many rows have scores at once, about.
const AT_ONCE: usize = 48;
/// Up to so many rows of a group are multiplied with each key by itself; for more the keys are copied into
/// panels.
const FEW: usize = 3;

/// An attention whose heads come in groups with the same keys and values. The rows of a group are the
/// queries of its heads, one head after the other.
pub(super) struct Operands<'a> {
    pub(super) tiles: &'static Tiles,
    pub(super) functions: &'static Rows,
    pub(super) sizes: Sizes,
    /// The heads of a group.
    pub(super) group: usize,
    pub(super) q: Heads<'a>,
    pub(super) k: Heads<'a>,
    pub(super) v: Heads<'a>,
    pub(super) out: Outs<'a>,
    pub(super) score: Option<Score<'a>>,
}

/// Some rows of a group, and memory for them.
struct Task<'a> {
    operands: &'a Operands<'a>,
    /// The first head of the group.
    head: usize,
    rows: Range<usize>,
    /// The queries of the rows.
    queries: Head,
    /// Some keys in panels.
    keys: *mut f32,
    /// Some values, one after the other.
    values: *mut f32,
    /// Scores of some rows, `KEYS` floats apart.
    scores: *mut f32,
    /// The sums of weighted values of each row.
    outs: *mut f32,
    /// The largest score that each row has had.
    largest: *mut f32,
    /// The sum of the weights of each row.
    sums: *mut f32,
    /// By what each row's sums are multiplied, as its largest score has changed.
    factors: *mut f32,
}

impl Operands<'_> {
    /// Computes some rows of a group; they begin with a tile.
    ///
    /// # Safety
    /// That of [`super::attention`]; the rows of `out` are this call's alone.
    pub(super) unsafe fn run(&self, group: usize, rows: Range<usize>) {
        let Sizes { keys, depth, width, .. } = self.sizes;
        let (count, some) = (rows.len(), keys.min(KEYS));
        let lens = [
            if self.group > 1 { count * depth } else { 0 },
            some.next_multiple_of(self.tiles.nr) * depth,
            some * width,
            count.min(self.at_once()) * KEYS,
            count * width,
            count,
            count,
            count,
        ]
        .map(|floats| floats.next_multiple_of(16));
        with_kept(&MEMORY, lens.iter().sum(), |memory| {
            let mut next = memory;
            let [copied, keys, values, scores, outs, largest, sums, factors] = lens.map(|len| {
                let place = next;
                next = next.wrapping_add(len);
                place
            });
            let head = group * self.group;
            let queries = if self.group > 1 {
                // SAFETY: the memory is as long, and the caller vouches for the queries.
                unsafe { self.copy_queries(head, rows.clone(), copied) };
                Head { pointer: copied, row_stride: depth as isize }
            } else {
                (self.q)(head).from(rows.start)
            };
            let task = Task {
                operands: self,
                head,
                rows,
                queries,
                keys,
                values,
                scores,
                outs,
                largest,
                sums,
                factors,
            };
            // SAFETY: the memory is as long, and the caller vouches for the rest.
            unsafe { task.run() };
        });
    }

    /// Whether a group has few rows.
    fn is_few(&self) -> bool {
        self.group * self.sizes.queries <= FEW
    }

    /// How many rows have scores at once: some tiles.
    fn at_once(&self) -> usize {
        (AT_ONCE / self.tiles.mr).max(1) * self.tiles.mr
    }

    /// Copies the queries of some rows of a group, so that they are one after the other.
    ///
    /// # Safety
    /// That of [`Operands::run`]; `to` has place for them.
    unsafe fn copy_queries(&self, head: usize, rows: Range<usize>, to: *mut f32) {
        let Sizes { queries, depth, .. } = self.sizes;
        for (index, row) in rows.enumerate() {
            let query = (self.q)(head + row / queries).from(row % queries);
            // SAFETY: as the caller says.
            unsafe { query.pointer.copy_to_nonoverlapping(to.add(index * depth), depth) };
        }
    }
}

/// SAFETY of all: that of [`Operands::run`], and the memory is as long as is written there.
impl Task<'_> {
    unsafe fn run(&self) {
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
        let Operands { tiles, functions, sizes, .. } = self.operands;
        let Sizes { depth, width, .. } = *sizes;
        let k = (self.operands.k)(self.head).from(keys.start);
        let mut v = (self.operands.v)(self.head).from(keys.start);
        let (count, at_once) = (self.rows.len(), self.operands.at_once());
        // SAFETY: see above.
        unsafe {
            if !self.operands.is_few() {
                let (from, stride) = (k.pointer, k.row_stride);
                (functions.pack)(from, stride, keys.len(), depth, tiles.nr, self.keys);
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
            let part = first..count.min(first + at_once);
            // SAFETY: see above.
            unsafe {
                self.score(part.clone(), k, keys.clone());
                (functions.softmax)(
                    self.scores,
                    part.len(),
                    keys.len(),
                    self.largest.add(first),
                    self.sums.add(first),
                    self.factors.add(first),
                );
                self.mix(part, v, keys.clone());
            }
        }
    }

    /// Makes the scores of some of the rows.
    unsafe fn score(&self, rows: Range<usize>, k: Head, keys: Range<usize>) {
        let Operands { tiles, functions, sizes, .. } = self.operands;
        let (depth, queries) = (sizes.depth, self.queries.from(rows.start));
        if self.operands.is_few() {
            for row in 0..rows.len() {
                let query = queries.from(row).pointer;
                // SAFETY: see above.
                unsafe {
                    let to = self.scores.add(row * KEYS);
                    (functions.dots)(query, k.pointer, k.row_stride, keys.len(), depth, to);
                }
            }
        } else {
            for first in (0..keys.len()).step_by(tiles.nr) {
                let panel = Head {
                    pointer: self.keys.wrapping_add(first * depth),
                    row_stride: tiles.nr as isize,
                };
                let c = (self.scores.wrapping_add(first), KEYS);
                // SAFETY: see above. The panels and the scores have place for whole tiles.
                unsafe { self.product(rows.len(), depth, tiles.nr, queries, panel, c, false) };
            }
        }
        let Some(score) = self.operands.score else { return };
        let rows = self.rows.start + rows.start..self.rows.start + rows.end;
        let mut row = rows.start;
        while row < rows.end {
            let (head, first) = (row / sizes.queries, row % sizes.queries);
            let count = (rows.end - row).min(sizes.queries - first);
            let place = self.scores.wrapping_add((row - rows.start) * KEYS);
            score(self.head + head, first..first + count, keys.clone(), place);
            row += count;
        }
    }

    /// Adds the values, weighted by the scores, to the sums of some of the rows.
    unsafe fn mix(&self, rows: Range<usize>, v: Head, keys: Range<usize>) {
        let Operands { tiles, functions, sizes, .. } = self.operands;
        let (width, adds) = (sizes.width, keys.start > 0);
        let outs = self.outs.wrapping_add(rows.start * width);
        if adds {
            for (index, row) in rows.clone().enumerate() {
                // SAFETY: see above.
                unsafe {
                    let (factor, outs) = (*self.factors.add(row), outs.add(index * width));
                    if factor != 1.0 {
                        (functions.scale)(outs, outs, width, factor);
                    }
                }
            }
        }
        let weights = Head { pointer: self.scores, row_stride: KEYS as isize };
        for first in (0..width).step_by(tiles.nr) {
            let panel = Head { pointer: v.pointer.wrapping_add(first), ..v };
            let columns = tiles.nr.min(width - first);
            let c = (outs.wrapping_add(first), width);
            // SAFETY: see above.
            unsafe { self.product(rows.len(), keys.len(), columns, weights, panel, c, adds) };
        }
    }

    /// C (+)= A · B, for as many columns as a tile has. `c` is the first element and the row stride.
    #[expect(clippy::too_many_arguments, reason = "sizes and operands of a product")]
    unsafe fn product(
        &self,
        rows: usize,
        depth: usize,
        columns: usize,
        a: Head,
        b: Head,
        c: (*mut f32, usize),
        adds: bool,
    ) {
        let tiles = self.operands.tiles;
        for row in (0..rows).step_by(tiles.mr) {
            let tile = Tile {
                rows: tiles.mr.min(rows - row),
                columns,
                depth,
                a: a.from(row).pointer,
                a_row: a.row_stride,
                a_depth: 1,
                b: b.pointer,
                b_depth: b.row_stride,
                c: c.0.wrapping_add(row * c.1),
                c_row: c.1 as isize,
                adds,
                ahead: b.pointer,
                lines_ahead: 0,
                bias: std::ptr::null(),
            };
            // SAFETY: see above.
            unsafe { tiles.run(&tile) };
        }
    }

    /// Writes the result of all rows.
    unsafe fn finish(&self) {
        let Operands { functions, sizes, out, .. } = self.operands;
        let Sizes { queries, keys, width, is_guarded, .. } = *sizes;
        for (index, row) in self.rows.clone().enumerate() {
            let (pointer, stride) = out(self.head + row / queries);
            let to = pointer.wrapping_offset((row % queries) as isize * stride);
            // SAFETY: see above.
            unsafe {
                let sum = if keys == 0 { f32::NAN } else { *self.sums.add(index) };
                if keys == 0 || is_guarded && sum.is_nan() {
                    std::slice::from_raw_parts_mut(to, width).fill(0.0);
                } else {
                    (functions.scale)(self.outs.add(index * width), to, width, 1.0 / sum);
                }
            }
        }
    }
}
