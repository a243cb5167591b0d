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
        if self.loops.contains(&0) && self.split != Split::Rows {
            return Ok(());
        }
        let elements: i64 = self.loops.iter().product();
        let (outer, at_once) = match self.split {
            Split::Columns(_) => (self.loops[0], 64),
            Split::Rows | Split::Tiles(_) => (self.loops[0], 1),
            Split::None => (1, 1),
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
                    Split::Columns(given) => self.columns(given, range),
                    Split::None => self.rows(0..self.loops[0]),
                    _ => self.rows(range),
                }
            });
        });
        first.result()
    }

    /// Passes of the grid.
    ///
    /// # Safety
    /// All places of these are inside of its memory.
    unsafe fn rows(&self, rows: Range<i64>) -> Result<()> {
        // SAFETY: as the caller says.
        unsafe { self.kernel.launch_at(&self.pointers, &self.lengths, &self.given, rows) }
    }

    /// Passes of the only loop.
    ///
    /// # Safety
    /// As [`rows`](Self::rows).
    unsafe fn columns(&self, given: usize, columns: Range<i64>) -> Result<()> {
        // SAFETY: as the caller says.
        unsafe { self.tile(given, 0..1, columns) }
    }

    /// Passes of the grid and of the loop inside, whose size is the integer `given`.
    ///
    /// # Safety
    /// As [`rows`](Self::rows).
    pub(super) unsafe fn tile(
        &self,
        given: usize,
        rows: Range<i64>,
        columns: Range<i64>,
    ) -> Result<()> {
        const MOST: usize = 128;
        let (mut pointers, mut integers) = ([std::ptr::null_mut(); MOST], [0; MOST]);
        let (buffers, count) = (self.pointers.len(), self.given.len());
        if buffers > MOST || count > MOST {
            return Err(Error::bug("a kernel has too many buffers or integers"));
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

    /// The tile of an attention's scores, with the other memory moved by these bytes.
    ///
    /// # Safety
    /// As [`rows`](Self::rows).
    pub(super) unsafe fn scores(
        &self,
        pointers: &[*mut u8],
        rows: i64,
        columns: i64,
    ) -> Result<()> {
        let mut given = self.given.clone();
        given[..2].copy_from_slice(&[rows, columns]);
        // SAFETY: as the caller says.
        unsafe { self.kernel.launch_at(pointers, &self.lengths, &given, 0..rows) }
    }
}
