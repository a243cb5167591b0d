//! Products of whole matrices, cut into tiles.

use super::super::pool::Pool;
use super::blocks::{Done, Panels, Product, Source};
use super::memory::{Aligned, with_kept};
use super::packed::{pack, panels_len};
use super::{Matrix, MatrixMut, Right, Tiles};
use std::cell::Cell;

thread_local! {
    /// The packed left matrix.
    static LEFT: Cell<Aligned> = Cell::default();
    /// The packed right matrix, where it is not packed before.
    static RIGHT: Cell<Aligned> = Cell::default();
}

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
    let height = tiles.height(rows);
    let left = packs_left(a, height).then(|| panels_len(depth, rows, height));
    let right = match b {
        Right::Plain(b) if packs_right(b, rows, tiles) => {
            Some(panels_len(depth, columns, tiles.nr))
        }
        _ => None,
    };
    with_kept(&LEFT, left.unwrap_or(0), |left_memory| {
        with_kept(&RIGHT, right.unwrap_or(0), |right_memory| {
            let left = if left.is_some() {
                // SAFETY: the memory is as long, and the caller vouches for the matrix.
                unsafe { pack(pool, a.transposed(), height, left_memory) };
                Panels::packed(left_memory, depth, height)
            } else {
                Panels::of(a.transposed(), height)
            };
            let right = match b {
                Right::Packed(packed) => Panels::packed(packed.pointer(), depth, tiles.nr),
                Right::Plain(b) if right.is_some() => {
                    // SAFETY: as above.
                    unsafe { pack(pool, b, tiles.nr, right_memory) };
                    Panels::packed(right_memory, depth, tiles.nr)
                }
                Right::Plain(b) => Panels::of(b, tiles.nr),
            };
            let right = Source::Ready(right);
            let bias = None;
            let product = Product { tiles, rows, columns, depth, height, left, right, bias, c };
            // SAFETY: the panels are those of the matrices.
            unsafe { product.run(pool, done) };
        });
    });
}

/// Many products of the same sizes: `matrices` gives the n-th `a`, `b` and `c`.
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
) {
    pool.run_each(products, &|index| {
        let (a, b, c) = matrices(index);
        // SAFETY: as the caller says. Within another run of the pool it works on this thread alone.
        unsafe { gemm(pool, tiles, a, b, c, &|_, _| ()) };
    });
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
