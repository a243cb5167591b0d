//! Products of matrices that stand as the kernels read them, cut into blocks for threads and caches.

use super::super::pool::Pool;
use super::memory::{Aligned, with_kept};
use super::{LINE, Matrix, MatrixMut, STEPS, Tile, Tiles};
use std::cell::Cell;
use std::ops::Range;

/// The most steps of the depth that are walked at once where there are many rows, so that a panel's part
/// stays in the first cache while the rows pass.
const DEPTH: usize = 256;
/// The most rows of a task.
const ROWS: usize = 192;
/// The most columns of a task.
const COLUMNS: usize = 256;
/// The bytes of the left matrix up to which it is read again for each panel, as the cache holds it.
const CACHED: usize = 512 * 1024;
/// Products of fewer multiplications are not shared among threads.
const SMALL: usize = 128 * 1024;
/// The steps of the depth that are walked at once where the right matrix is read in place, so that its
/// rows are read side by side.
const STRIDED_DEPTH: usize = 64;
/// How many rows fetching ahead is ahead, where each row is used once.
const AHEAD: isize = 64;

/// Called for each finished block of rows and columns of the result, on the thread that made it.
pub(crate) type Done<'a> = &'a (dyn Fn(Range<usize>, Range<usize>) + Sync);

thread_local! {
    /// Panels that are made where they are used.
    static MADE: Cell<Aligned> = Cell::default();
}

/// A matrix cut into panels of columns, each `depth` elements deep.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    pointer: *const f32,
    /// From panel to panel.
    panel: isize,
    /// From row to row.
    depth: isize,
    /// From column to column.
    across: isize,
}

/// Where the panels of the right matrix come from.
pub(crate) enum Source<'a> {
    /// They are in memory.
    Ready(Panels),
    /// The function writes some rows of a panel, [`Tiles::nr`] floats each, whenever they are needed.
    Made(&'a (dyn Fn(usize, Range<usize>, *mut f32) + Sync)),
}

impl Panels {
    /// A matrix that was packed.
    pub(crate) fn packed(pointer: *const f32, depth: usize, width: usize) -> Self {
        Self { pointer, panel: (width * depth) as isize, depth: width as isize, across: 1 }
    }

    /// A matrix whose rows are contiguous and so many floats apart, as it is.
    pub(crate) fn plain(pointer: *const f32, row: usize, width: usize) -> Self {
        Self { pointer, panel: width as isize, depth: row as isize, across: 1 }
    }

    /// A matrix as it is.
    pub(super) fn of(matrix: Matrix, width: usize) -> Self {
        Self {
            pointer: matrix.pointer,
            panel: width as isize * matrix.column_stride,
            depth: matrix.row_stride,
            across: matrix.column_stride,
        }
    }

    fn at(&self, panel: usize, depth: usize) -> *const f32 {
        self.pointer.wrapping_offset(panel as isize * self.panel + depth as isize * self.depth)
    }
}

/// A product whose matrices are as the kernels read them.
pub(crate) struct Product<'a> {
    pub(crate) tiles: &'static Tiles,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
    /// The rows of a tile, but for the last.
    pub(crate) height: usize,
    /// The transposed left matrix, in panels of `height`.
    pub(crate) left: Panels,
    pub(crate) right: Source<'a>,
    /// What is added to each row: a number for each.
    pub(crate) bias: Option<*const f32>,
    pub(crate) c: MatrixMut,
}

// SAFETY: who made it vouches for the memory, for all threads.
unsafe impl Sync for Product<'_> {}

impl Product<'_> {
    /// # Safety
    /// That of [`super::gemm`].
    pub(crate) unsafe fn run(&self, pool: &Pool, done: Done<'_>) {
        let (tiles, panels) =
            (self.rows.div_ceil(self.height), self.columns.div_ceil(self.tiles.nr));
        let blocks = self.rows.div_ceil(ROWS);
        let tiles_each = tiles.div_ceil(blocks);
        let blocks = tiles.div_ceil(tiles_each);
        let is_small = self.rows * self.columns * self.depth < SMALL;
        let tasks = if is_small { 1 } else { (pool.threads() * 4).div_ceil(blocks) };
        let panels_each = panels.div_ceil(tasks).min((COLUMNS / self.tiles.nr).max(1)).max(1);
        pool.run(blocks * panels.div_ceil(panels_each), &|task| {
            let (block, group) = (task % blocks, task / blocks);
            let tiles = block * tiles_each..tiles.min((block + 1) * tiles_each);
            let panels = group * panels_each..panels.min((group + 1) * panels_each);
            let rows = tiles.start * self.height..self.rows.min(tiles.end * self.height);
            let columns =
                panels.start * self.tiles.nr..self.columns.min(panels.end * self.tiles.nr);
            // SAFETY: the tiles and panels are inside, and of this task alone.
            unsafe { self.block(tiles, panels) };
            done(rows, columns);
        });
    }

    /// Computes tiles of some panels.
    ///
    /// # Safety
    /// That of [`super::gemm`].
    unsafe fn block(&self, tiles: Range<usize>, panels: Range<usize>) {
        let order = self.order();
        let is_made = matches!(self.right, Source::Made(_));
        let floats = if is_made { order.depth * self.tiles.nr } else { 0 };
        let at_once = if order.is_by_panel { 1 } else { panels.len() };
        with_kept(&MADE, floats, |memory| {
            for first in panels.clone().step_by(at_once) {
                for start in (0..self.depth.max(1)).step_by(order.depth) {
                    let depth = start..self.depth.min(start + order.depth);
                    for panel in first..panels.end.min(first + at_once) {
                        let strip = match &self.right {
                            Source::Ready(right) => {
                                self.strip(right, panel, &depth, order.is_by_panel)
                            }
                            Source::Made(make) => {
                                make(panel, depth.clone(), memory);
                                Strip { pointer: memory, depth: self.tiles.nr as isize, next: None }
                            }
                        };
                        // SAFETY: as the caller says.
                        unsafe { self.column(tiles.clone(), panel, depth.clone(), strip) };
                    }
                }
            }
        });
    }

    /// How the panels are walked. The sums' order follows from it: it depends on the sizes and strides
    /// alone.
    fn order(&self) -> Order {
        let is_strided =
            matches!(&self.right, Source::Ready(r) if r.depth != self.tiles.nr as isize);
        if is_strided {
            return Order { depth: STRIDED_DEPTH, is_by_panel: false };
        }
        let depth = if self.rows <= self.height && matches!(self.right, Source::Ready(_)) {
            self.depth
        } else {
            self.depth.div_ceil(self.depth.div_ceil(DEPTH).max(1))
        };
        let is_by_panel = self.rows.min(ROWS) * self.depth * size_of::<f32>() <= CACHED;
        Order { depth: depth.max(1), is_by_panel }
    }

    /// A part of a panel that is in memory.
    fn strip(
        &self,
        right: &Panels,
        panel: usize,
        depth: &Range<usize>,
        is_by_panel: bool,
    ) -> Strip {
        let pointer = right.at(panel, depth.start);
        let next = if right.depth != self.tiles.nr as isize {
            None
        } else if self.rows <= self.height {
            Some(pointer.wrapping_offset(AHEAD * right.depth))
        } else if is_by_panel {
            Some(right.at(panel, depth.end))
        } else {
            Some(right.at(panel + 1, depth.start))
        };
        Strip { pointer, depth: right.depth, next }
    }

    /// Computes tiles of one panel, for a part of the depth.
    ///
    /// # Safety
    /// That of [`super::gemm`].
    unsafe fn column(&self, tiles: Range<usize>, panel: usize, depth: Range<usize>, strip: Strip) {
        let first = panel * self.tiles.nr;
        // Each tile fetches its share of what comes next.
        let lines = (STEPS * self.tiles.nr).div_ceil(LINE * tiles.len());
        let share = depth.len() / STEPS * lines * LINE;
        let fetches = |index| strip.next.is_some() && index * share < depth.len() * self.tiles.nr;
        for (index, tile) in tiles.enumerate() {
            let row = tile * self.height;
            let tile = Tile {
                rows: self.height.min(self.rows - row),
                columns: self.tiles.nr.min(self.columns - first),
                depth: depth.len(),
                a: self.left.at(tile, depth.start),
                a_row: self.left.across,
                a_depth: self.left.depth,
                b: strip.pointer,
                b_depth: strip.depth,
                c: self.c.at(row, first),
                c_row: self.c.row_stride,
                adds: depth.start > 0,
                bias: match self.bias {
                    Some(bias) if depth.start == 0 => bias.wrapping_add(row),
                    _ => std::ptr::null(),
                },
                ahead: strip.next.unwrap_or(strip.pointer).wrapping_add(index * share),
                lines_ahead: if fetches(index) { lines } else { 0 },
            };
            // SAFETY: the panels hold these elements, and the tile of `c` is this call's alone.
            unsafe { self.tiles.run(&tile) };
        }
    }
}

/// How a block is walked.
struct Order {
    /// The steps of the depth that are taken at once.
    depth: usize,
    /// Each panel through its whole depth, or each part of the depth through all panels.
    is_by_panel: bool,
}

/// A part of a panel.
#[derive(Clone, Copy)]
struct Strip {
    pointer: *const f32,
    /// From row to row.
    depth: isize,
    /// What is used next.
    next: Option<*const f32>,
}
