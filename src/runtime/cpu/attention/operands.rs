//! What an attention is of, and the memory of its tasks.

use super::super::gemm::{Aligned, Tiles, with_kept};
use super::task::Task;
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
    pub(super) sizes: Sizes,
    /// The heads of a group.
    pub(super) group: usize,
    pub(super) q: Heads<'a>,
    pub(super) k: Heads<'a>,
    pub(super) v: Heads<'a>,
    pub(super) out: Outs<'a>,
    pub(super) score: Option<Score<'a>>,
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
    pub(super) fn is_few(&self) -> bool {
        self.group * self.sizes.queries <= FEW
    }

    /// How many rows have scores at once: some tiles.
    pub(super) fn at_once(&self) -> usize {
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
