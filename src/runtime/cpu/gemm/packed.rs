//! Matrices copied into panels, in the order in which the kernels read them.

use super::super::pool::Pool;
use super::memory::{Aligned, Place};
use super::{Matrix, Tiles};

/// A type of elements that can be packed.
pub(crate) trait Element: Copy + Sync {
    /// Its value.
    fn float(self) -> f32;
}

impl Element for f32 {
    fn float(self) -> f32 {
        self
    }
}

impl Element for half::f16 {
    fn float(self) -> f32 {
        self.to_f32()
    }
}

impl Element for half::bf16 {
    fn float(self) -> f32 {
        self.to_f32()
    }
}

/// The right matrix of products, packed once: panels of [`Tiles::nr`] columns, each with its rows one
/// after the other.
pub(crate) struct Packed {
    memory: Aligned,
    tiles: &'static Tiles,
    rows: usize,
    columns: usize,
}

impl Packed {
    /// Copies a matrix, of any strides; its elements need not be aligned.
    ///
    /// # Safety
    /// The elements of `matrix` can be read, and are not written meanwhile.
    pub(crate) unsafe fn new<T: Element>(
        tiles: &'static Tiles,
        matrix: Matrix<T>,
        pool: &Pool,
    ) -> Self {
        let Matrix { rows, columns, .. } = matrix;
        let memory = Aligned::new(panels_len(rows, columns, tiles.nr));
        // SAFETY: the memory is as long, and the caller vouches for the matrix.
        unsafe { pack(pool, matrix, tiles.nr, memory.pointer()) };
        Self { memory, tiles, rows, columns }
    }

    /// The kernels that it was packed for.
    pub(crate) fn tiles(&self) -> &'static Tiles {
        self.tiles
    }

    /// The rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of the matrix.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Where the panels are.
    pub(super) fn pointer(&self) -> *const f32 {
        self.memory.pointer()
    }
}

/// The floats of a matrix in panels of so many columns: more than any memory has, where strides of 0 make
/// that of one.
pub(crate) fn panels_len(rows: usize, columns: usize, width: usize) -> usize {
    rows.saturating_mul(columns.div_ceil(width)).saturating_mul(width)
}

/// Copies a matrix into panels of `width` columns; what pads the last one is not written.
///
/// # Safety
/// The elements of the matrix can be read, and [`panels_len`] floats at `to` written.
pub(crate) unsafe fn pack<T: Element>(pool: &Pool, matrix: Matrix<T>, width: usize, to: *mut f32) {
    let panels = matrix.columns.div_ceil(width);
    let at_once = (32 * 1024 / (width * matrix.rows).max(1)).max(1);
    let to = Place(to);
    pool.run(panels.div_ceil(at_once), &|part| {
        for panel in part * at_once..panels.min((part + 1) * at_once) {
            let first = panel * width;
            let columns = width.min(matrix.columns - first);
            let part = matrix.part(0..matrix.rows, first..first + columns);
            // SAFETY: the panel is one of the matrix, and its floats are written by this call alone.
            unsafe { pack_panel(part, width, to.at(first * matrix.rows)) };
        }
    });
}

/// Copies a panel.
///
/// # Safety
/// The elements of the panel can be read, and `width` floats for each of its rows be written.
pub(crate) unsafe fn pack_panel<T: Element>(panel: Matrix<T>, width: usize, to: *mut f32) {
    let (rows, columns) = (panel.rows, panel.columns);
    // Contiguous columns are copied in squares.
    let in_squares = if panel.row_stride == 1 && columns >= SIDE { rows / SIDE * SIDE } else { 0 };
    for row in (0..in_squares).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE).map(|c| c.min(columns - SIDE)) {
            // SAFETY: the square is inside of the panel.
            unsafe {
                pack_square(
                    panel.at(row, column),
                    panel.column_stride,
                    width,
                    to.add(row * width + column),
                )
            };
        }
    }
    for row in in_squares..rows {
        for column in 0..columns {
            // SAFETY: they are inside of the panel.
            unsafe {
                *to.add(row * width + column) = panel.at(row, column).read_unaligned().float()
            };
        }
    }
}

/// The side of a square that is transposed in registers.
const SIDE: usize = 4;

/// Copies a square whose columns are contiguous, and `stride` apart, to one whose rows are.
///
/// # Safety
/// Its elements can be read and written.
#[inline(always)]
unsafe fn pack_square<T: Element>(from: *const T, stride: isize, width: usize, to: *mut f32) {
    let columns: [[f32; SIDE]; SIDE] = std::array::from_fn(|column| {
        // SAFETY: as the caller says.
        let column =
            unsafe { from.offset(column as isize * stride).cast::<[T; SIDE]>().read_unaligned() };
        std::array::from_fn(|row| column[row].float())
    });
    let rows: [[f32; SIDE]; SIDE] =
        std::array::from_fn(|row| std::array::from_fn(|column| columns[column][row]));
    for (row, values) in rows.into_iter().enumerate() {
        // SAFETY: as the caller says.
        unsafe { to.add(row * width).cast::<[f32; SIDE]>().write_unaligned(values) };
    }
}
