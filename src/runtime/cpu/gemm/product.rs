//! Products of whole matrices, cut into tiles.

use super::super::pool::Pool;
use super::memory::{Aligned, with_kept};
use super::packed::{pack, panels_len};
use super::{Matrix, MatrixMut, Right, STEPS, Tile, Tiles};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// The packed left matrix.
    static LEFT: Cell<Aligned> = Cell::default();
    /// The packed right matrix, where it is not packed before.
    static RIGHT: Cell<Aligned> = Cell::default();
}

/// The most steps of the depth that are walked at once where there are many rows, so that a panel's part
/// stays in the first cache while the rows pass.
const DEPTH: usize = 384;
/// The most rows of a task.
const ROWS: usize = 192;
/// The most columns of a task.
const COLUMNS: usize = 256;
/// The bytes of the left matrix up to which it is read again for each panel, as the cache holds it.
const CACHED: usize = 512 * 1024;
/// Products of fewer multiplications are not shared among threads.
const SMALL: usize = 64 * 1024;
/// How many rows fetching ahead is ahead, where each row is used once.
const AHEAD: isize = 64;

/// Called for each finished block of rows and columns of the result, on the thread that made it.
pub(crate) type Done<'a> = &'a (dyn Fn(Range<usize>, Range<usize>) + Sync);

/// C = A · B: `a` is M × K, `b` K × N, and `c` M × N of which nothing is read. With K = 0 all is 0.
///
/// Each element's sum is made in an order that depends on the sizes and strides alone, not on the threads.
/// `done` is called once for each block of `c`, soon after it is finished, so that it is still in the
/// thread's cache.
///
/// # Safety
/// The elements of `a` and `b` can be read, those of `c` be written, by all threads, and nothing else uses
/// `c` meanwhile, but `done` its block.
///
/// # Panics
/// Where `b` has not K rows, or was packed for other kernels.
pub(crate) unsafe fn gemm(
    pool: &Pool,
    tiles: &'static Tiles,
    a: Matrix,
    b: Right<'_>,
    c: MatrixMut,
    done: Done<'_>,
) {
    let (rows, depth) = (a.rows, a.columns);
    let columns = match b {
        Right::Packed(packed) => {
            assert!(std::ptr::eq(packed.tiles(), tiles), "it was packed for other kernels");
            assert_eq!(packed.rows(), depth, "the rows of the right matrix");
            packed.columns()
        }
        Right::Plain(b) => {
            assert_eq!(b.rows, depth, "the rows of the right matrix");
            b.columns
        }
    };
    if rows == 0 || columns == 0 {
        return;
    }
    let height = rows.div_ceil(rows.div_ceil(tiles.mr));
    let left = packs_left(a, height).then(|| panels_len(depth, rows, height));
    let right = match b {
        Right::Plain(b) if packs_right(b, rows, tiles) => {
            Some(panels_len(depth, columns, tiles.nr))
        }
        _ => None,
    };
    with_kept(&LEFT, left.unwrap_or(0), |left_memory| {
        with_kept(&RIGHT, right.unwrap_or(0), |right_memory| {
            let in_panels = |pointer, width: usize| Panels {
                pointer,
                panel: (width * depth) as isize,
                depth: width as isize,
                across: 1,
            };
            let left = if left.is_some() {
                // SAFETY: the memory is as long, and the caller vouches for the matrix.
                unsafe { pack(pool, a.transposed(), height, left_memory) };
                in_panels(left_memory, height)
            } else {
                Panels::of(a.transposed(), height)
            };
            let right = match b {
                Right::Packed(packed) => in_panels(packed.pointer(), tiles.nr),
                Right::Plain(b) if right.is_some() => {
                    // SAFETY: as above.
                    unsafe { pack(pool, b, tiles.nr, right_memory) };
                    in_panels(right_memory, tiles.nr)
                }
                Right::Plain(b) => Panels::of(b, tiles.nr),
            };
            let product = Product { tiles, rows, columns, depth, height, left, right, c };
            // SAFETY: the panels are those of the matrices.
            unsafe { product.run(pool, done) };
        });
    });
}

/// Many products of the same sizes: `matrices` gives the n-th `a`, `b` and `c`. `done` is called with n
/// besides.
///
/// # Safety
/// That of [`gemm`], for each of the products.
///
/// # Panics
/// As [`gemm`].
pub(crate) unsafe fn gemm_batch<'a>(
    pool: &Pool,
    tiles: &'static Tiles,
    products: usize,
    matrices: &(dyn Fn(usize) -> (Matrix, Right<'a>, MatrixMut) + Sync),
    done: &(dyn Fn(usize, Range<usize>, Range<usize>) + Sync),
) {
    let one = |index| {
        let (a, b, c) = matrices(index);
        // SAFETY: as the caller says. Within another run of the pool it works on this thread alone.
        unsafe { gemm(pool, tiles, a, b, c, &|rows, columns| done(index, rows, columns)) };
    };
    // With few products each is shared among the threads.
    if products >= 2 * pool.threads() {
        pool.run(products, &one)
    } else {
        (0..products).for_each(one)
    }
}

/// Whether the left matrix is copied: the kernel reads rows well, and columns if it does so once.
fn packs_left(a: Matrix, height: usize) -> bool {
    let is_column = a.row_stride == 1 && a.rows == height;
    a.column_stride != 1 && !is_column && a.rows > 1
}

/// Whether the right matrix is copied.
fn packs_right(b: Matrix, rows: usize, tiles: &Tiles) -> bool {
    b.column_stride != 1 && b.columns > 1 || rows > tiles.mr
}

/// A matrix cut into panels of columns, each `depth` elements deep.
#[derive(Clone, Copy)]
struct Panels {
    pointer: *const f32,
    /// From panel to panel.
    panel: isize,
    /// From row to row.
    depth: isize,
    /// From column to column.
    across: isize,
}

impl Panels {
    /// A matrix as it is.
    fn of(matrix: Matrix, width: usize) -> Self {
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
struct Product {
    tiles: &'static Tiles,
    rows: usize,
    columns: usize,
    depth: usize,
    /// The rows of a tile, but for the last.
    height: usize,
    /// The transposed left matrix.
    left: Panels,
    right: Panels,
    c: MatrixMut,
}

// SAFETY: who made it vouches for the memory, for all threads.
unsafe impl Sync for Product {}

impl Product {
    /// # Safety
    /// That of [`gemm`].
    unsafe fn run(&self, pool: &Pool, done: Done<'_>) {
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
    /// That of [`gemm`].
    unsafe fn block(&self, tiles: Range<usize>, panels: Range<usize>) {
        // The sizes of blocks along the depth depend on the sizes of the product alone.
        let is_cached = self.rows.min(ROWS) * self.depth * size_of::<f32>() <= CACHED;
        let depths = if self.rows <= self.tiles.mr { 1 } else { self.depth.div_ceil(DEPTH).max(1) };
        let depth_each = self.depth.div_ceil(depths);
        let panels_each = if is_cached { 1 } else { panels.len() };
        for first in panels.clone().step_by(panels_each) {
            for depth in 0..depths {
                let start = depth * depth_each;
                let depth = start..self.depth.min(start + depth_each);
                for panel in first..panels.end.min(first + panels_each) {
                    // SAFETY: as the caller says.
                    unsafe { self.column(tiles.clone(), panel, depth.clone(), is_cached) };
                }
            }
        }
    }

    /// Computes tiles of one panel, for a part of the depth.
    ///
    /// # Safety
    /// That of [`gemm`].
    unsafe fn column(
        &self,
        tiles: Range<usize>,
        panel: usize,
        depth: Range<usize>,
        is_cached: bool,
    ) {
        let b = self.right.at(panel, depth.start);
        let first = panel * self.tiles.nr;
        let columns = self.tiles.nr.min(self.columns - first);
        // Each tile fetches its share of what comes next.
        let count = tiles.len();
        let line = 64 / size_of::<f32>();
        let lines_ahead = (STEPS * self.tiles.nr).div_ceil(line * count);
        let share = depth.len() / STEPS * lines_ahead * line;
        let needed = depth.len() * self.tiles.nr;
        let next = if count == 1 {
            AHEAD * self.right.depth
        } else if is_cached {
            depth.len() as isize * self.right.depth
        } else {
            self.right.panel
        };
        for (index, tile) in tiles.enumerate() {
            let row = tile * self.height;
            let tile = Tile {
                rows: self.height.min(self.rows - row),
                columns,
                depth: depth.len(),
                a: self.left.at(tile, depth.start),
                a_row: self.left.across,
                a_depth: self.left.depth,
                b,
                b_depth: self.right.depth,
                c: self
                    .c
                    .pointer
                    .wrapping_offset(row as isize * self.c.row_stride)
                    .wrapping_add(first),
                c_row: self.c.row_stride,
                adds: depth.start > 0,
                ahead: b.wrapping_offset(next + (index * share) as isize),
                lines_ahead: if index * share < needed { lines_ahead } else { 0 },
            };
            // SAFETY: the panels hold these elements, and the tile of `c` is this call's alone.
            unsafe { self.tiles.run(&tile) };
        }
    }
}
