//! How the packed bytes of a tensor lie when a range of one axis is cut out of them.

use super::Task;
use crate::ir::{DataType, element_count};
use std::ops::Range;

/// A tensor, seen along one axis: `outer` rows of `size` steps of `step_bits` bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    outer: u64,
    size: u64,
    step_bits: u64,
}

impl Cut {
    /// The tensor of this type and shape along `axis`, any axis where it is a scalar. Its
    /// bytes must have been counted: they fit.
    pub(super) fn new(dtype: DataType, dims: &[i64], axis: usize) -> Self {
        let size = dims.get(axis).map_or(1, |&d| d as u64);
        let bits = dtype.bits().unwrap_or(0);
        if element_count(dims).unwrap_or(0) == 0 {
            return Self { outer: 0, size, step_bits: 0 };
        }
        let product = |dims: &[i64]| dims.iter().map(|&d| d as u64).product::<u64>();
        let inner = dims.get(axis + 1..).map_or(1, product);
        let outer = dims.get(..axis).map_or(1, product);
        Self { outer, size, step_bits: inner * bits }
    }

    /// How many steps the axis has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The least number of steps whose multiples begin at whole bytes; none if there is none.
    pub(super) fn granule(&self) -> Option<u64> {
        if self.outer > 1 && !(self.size * self.step_bits).is_multiple_of(8) {
            return None;
        }
        Some(8 >> self.step_bits.trailing_zeros().min(3))
    }

    /// Bytes of one step, all rows together.
    pub(super) fn step_bytes(&self) -> u64 {
        (self.outer * self.step_bits).div_ceil(8)
    }

    /// Bytes of a range, packed.
    pub(super) fn bytes(&self, range: &Range<u64>) -> u64 {
        (self.outer * self.step_bits * (range.end - range.start)).div_ceil(8)
    }

    /// Where the bytes of a range lie, in order: one piece, or one for each row.
    pub(super) fn pieces(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        let (first, last) = (range.start * self.step_bits / 8, range.end * self.step_bits);
        let (row, len) = (self.size * self.step_bits / 8, last.div_ceil(8) - first);
        let whole = *range == (0..self.size);
        let (pieces, len) = if whole { (1, self.bytes(range)) } else { (self.outer, len) };
        (0..pieces).filter(move |_| len > 0).map(move |i| i * row + first..i * row + first + len)
    }

    /// Whether a range is one piece.
    pub(super) fn is_one_piece(&self, range: &Range<u64>) -> bool {
        self.outer <= 1 || *range == (0..self.size)
    }
}

/// The tensors of a task that are cut when it is split along `axis`: results, and sources that
/// follow it.
pub(super) fn cuts(task: &Task, axis: usize) -> impl Iterator<Item = Cut> + '_ {
    let results = task.results.iter().map(move |(dtype, dims)| Cut::new(*dtype, dims, axis));
    let sources = task.sources.iter().filter_map(move |source| {
        let followed = source.follows.get(axis).copied().flatten()?;
        Some(Cut::new(source.tensor.dtype, &source.tensor.dims, followed))
    });
    results.chain(sources)
}
