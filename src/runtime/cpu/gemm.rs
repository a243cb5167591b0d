//! Matrix products in float32.

mod blocks;
mod memory;
mod packed;
mod product;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use blocks::{Panels, Product, Source};
pub(crate) use memory::{Aligned, Place, with_kept};
pub(crate) use packed::{Element, Packed, pack, pack_panel, panels_len};
pub(crate) use product::{gemm, gemm_batch};
pub(crate) use tiles::{LINE, Loop, STEPS, Set, Tile, Tiles, Vector};

use std::ops::Range;

/// A matrix in memory that is read. Strides are in elements, and may be 0 or negative.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<T = f32> {
    /// The first element of the first row.
    pub(crate) pointer: *const T,
    /// How many rows.
    pub(crate) rows: usize,
    /// How many columns.
    pub(crate) columns: usize,
    /// From row to row.
    pub(crate) row_stride: isize,
    /// From column to column.
    pub(crate) column_stride: isize,
}

/// A matrix in memory that is written; its rows are contiguous.
#[derive(Clone, Copy)]
pub(crate) struct MatrixMut {
    /// The first element of the first row.
    pub(crate) pointer: *mut f32,
    /// From row to row, in elements.
    pub(crate) row_stride: isize,
}

/// The right matrix of a product.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    /// It was packed before.
    Packed(&'a Packed),
    /// It is as it is.
    Plain(Matrix),
}

// SAFETY: it is a description; who reads through it vouches for the memory.
unsafe impl<T> Sync for Matrix<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Matrix<T> {}
// SAFETY: as above.
unsafe impl Sync for MatrixMut {}
// SAFETY: as above.
unsafe impl Send for MatrixMut {}

impl<T> Matrix<T> {
    /// Where an element is.
    fn at(&self, row: usize, column: usize) -> *const T {
        let offset = row as isize * self.row_stride + column as isize * self.column_stride;
        self.pointer.wrapping_offset(offset)
    }

    /// Some of its rows and columns.
    fn part(self, rows: Range<usize>, columns: Range<usize>) -> Self {
        Self {
            pointer: self.at(rows.start, columns.start),
            rows: rows.len(),
            columns: columns.len(),
            ..self
        }
    }

    /// With rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

impl MatrixMut {
    /// Where an element is.
    pub(crate) fn at(&self, row: usize, column: usize) -> *mut f32 {
        self.pointer.wrapping_offset(row as isize * self.row_stride).wrapping_add(column)
    }
}
