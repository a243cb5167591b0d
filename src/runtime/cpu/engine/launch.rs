//! Kernels of a program on memory of a run.

use crate::error::{Error, Result};
use crate::lower::Split;
use crate::runtime::cpu::jit::Compiled;
use crate::runtime::cpu::pool::Pool;
use std::ops::Range;
use std::sync::Mutex;

/// A kernel with its memory and integers.
pub(super) struct Ready<'r> {
    pub(super) kernel: &'r Compiled,
    /// Where each buffer begins, its offset added.
    pub(super) pointers: Vec<*mut u8>,
    /// How many elements are behind each.
    pub(super) lengths: Vec<i64>,
    /// Bytes from pass to pass of the last loop.
    pub(super) steps: Vec<isize>,
    pub(super) given: Vec<i64>,
    /// The sizes of the loops.
    pub(super) loops: Vec<i64>,
    pub(super) split: Split,
}

// SAFETY: each pass of a kernel that is split writes elements of its own, and nobody else writes what it
// reads.
unsafe impl Sync for Ready<'_> {}

/// So many elements are worth a thread's while.
const WORTH: i64 = 8 * 1024;

/// The first error of several threads.
#[derive(Default)]
pub(super) struct First(Mutex<Option<Error>>);

impl First {
    pub(super) fn keep(&self, result: Result<()>) {
        if let (Err(error), Ok(mut first)) = (result, self.0.lock()) {
            first.get_or_insert(error);
        }
    }

    pub(super) fn result(self) -> Result<()> {
        match self.0.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Ready<'_> {
    /// Runs all passes, on all threads where it is worth it.
    ///
    /// # Safety
    /// All places of its loops are inside of its memory.
    pub(super) unsafe fn all(&self, pool: &Pool) -> Result<()> {
        // What is one a row is made even of rows without elements.
        let rows = &self.loops[..self.loops.len() - 1];
        let is_flat = matches!(self.split, Split::Columns(_) | Split::Tiles(_));
        if rows.contains(&0) || is_flat && self.loops.contains(&0) {
            return Ok(());
        }
        let elements = self.loops.iter().fold(1i64, |product, &size| product.saturating_mul(size));
        let (outer, at_once) = match self.split {
            Split::Columns(_) => (self.loops[0], 64),
            Split::Rows | Split::Tiles(_) => (self.loops[0], 1),
            Split::None => (self.loops[0], self.loops[0].max(1)),
        };
        let parts = (elements / WORTH).clamp(1, 4 * pool.threads() as i64).min(outer.max(1));
        let part = (outer + parts - 1) / parts;
        let part = (part + at_once - 1) / at_once * at_once;
        let parts = if part == 0 { 1 } else { (outer + part - 1) / part };
        let first = First::default();
        pool.run(parts.max(1) as usize, &|number| {
            let begin = number as i64 * part;
            let range = begin..(begin + part).min(outer);
            // SAFETY: as the caller says.
            first.keep(unsafe {
                match self.split {
                    Split::Columns(given) => self.tile(given, 0..1, range),
                    _ => {
                        let (pointers, lengths) = (&self.pointers, &self.lengths);
                        self.kernel.launch_at(pointers, lengths, &self.given, range)
                    }
                }
            });
        });
        first.result()
    }

    /// Passes of the grid and of the loop inside, whose size is the integer `given`.
    ///
    /// # Safety
    /// All places of these are inside of its memory.
    pub(super) unsafe fn tile(
        &self,
        given: usize,
        rows: Range<i64>,
        columns: Range<i64>,
    ) -> Result<()> {
        let (mut pointers, mut integers) = ([std::ptr::null_mut(); MOST], [0; MOST]);
        let (buffers, count) = (self.pointers.len(), self.given.len());
        if buffers > MOST || count > MOST {
            return Err(too_many());
        }
        for (to, (from, step)) in pointers.iter_mut().zip(self.pointers.iter().zip(&self.steps)) {
            *to = from.wrapping_offset(step * columns.start as isize);
        }
        integers[..count].copy_from_slice(&self.given);
        integers[given] = columns.end - columns.start;
        // SAFETY: as the caller says.
        unsafe {
            self.kernel.launch_at(&pointers[..buffers], &self.lengths, &integers[..count], rows)
        }
    }
}

/// A kernel that is run on tiles of matrices, of which there is a batch.
pub(super) struct Batched<'r> {
    pub(super) kernel: &'r Compiled,
    /// The sizes of the batch's axes.
    pub(super) batch: Vec<i64>,
    /// Integers: first how many rows and columns.
    pub(super) given: Vec<i64>,
    /// Where each buffer begins.
    pub(super) pointers: Vec<*mut u8>,
    pub(super) lengths: Vec<i64>,
    /// Bytes along the batch's axes, rows and columns; none of a buffer that is given with each tile.
    pub(super) strides: Vec<Option<Vec<i64>>>,
}

// SAFETY: kernels write their tile alone, which is the calling thread's.
unsafe impl Sync for Batched<'_> {}

impl Batched<'_> {
    /// Runs it on a tile of a matrix.
    ///
    /// # Safety
    /// The matrix, rows and columns are there. `own` is the buffer that is given with each tile, if there
    /// is such; its rows are as far apart as the kernel was told.
    pub(super) unsafe fn tile(
        &self,
        matrix: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        own: *mut u8,
    ) -> Result<()> {
        let (mut pointers, mut given) = ([std::ptr::null_mut(); MOST], [0; MOST]);
        let (buffers, count) = (self.pointers.len(), self.given.len());
        if buffers > MOST || count > MOST {
            return Err(too_many());
        }
        let rank = self.batch.len();
        for (number, to) in pointers.iter_mut().enumerate().take(buffers) {
            *to = match &self.strides[number] {
                None => own,
                Some(strides) => {
                    let place = offset(matrix, &self.batch, strides)
                        + rows.start as isize * strides[rank] as isize
                        + columns.start as isize * strides[rank + 1] as isize;
                    self.pointers[number].wrapping_offset(place)
                }
            };
        }
        given[..count].copy_from_slice(&self.given);
        given[..2].copy_from_slice(&[rows.len() as i64, columns.len() as i64]);
        let (rows, pointers) = (0..rows.len() as i64, &pointers[..buffers]);
        // SAFETY: as the caller says.
        unsafe { self.kernel.launch_at(pointers, &self.lengths, &given[..count], rows) }
    }
}

/// How far the n-th of a batch lies from the first.
pub(super) fn offset(number: usize, batch: &[i64], strides: &[i64]) -> isize {
    let mut rest = number as i64;
    let mut offset = 0;
    for (dim, stride) in batch.iter().zip(strides).rev() {
        offset += rest % dim * stride;
        rest /= dim;
    }
    offset as isize
}

/// So many buffers and integers may a kernel have that runs on tiles.
const MOST: usize = 128;

fn too_many() -> Error {
    Error::bug("a kernel has too many buffers or integers")
}
