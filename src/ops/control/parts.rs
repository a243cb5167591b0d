//! Tensors cut along an axis, and put together again.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::pick;
use crate::ops::movement::joined;
use crate::ops::shape::{count, sizes};
use std::ops::Range;

/// The part of a tensor within a range of an axis; both lie in it.
pub(super) fn part(tensor: &Tensor, axis: usize, range: Range<usize>) -> Result<Tensor> {
    let mut shape = sizes(tensor);
    let (outer, inner) = (count(&shape[..axis]), count(&shape[axis + 1..]));
    let (block, first) = (shape[axis] * inner, range.start * inner);
    shape[axis] = range.len();
    let run = range.len() * inner;
    let places = (0..outer).flat_map(|at| at * block + first..at * block + first + run);
    pick(tensor, &shape, places)
}

/// The part of a tensor at an index of an axis, without the axis.
pub(super) fn at(tensor: &Tensor, axis: usize, index: usize) -> Result<Tensor> {
    let mut part = part(tensor, axis, index..index + 1)?;
    part.dims.remove(axis);
    Ok(part)
}

/// Tensors of one shape as one, along a new axis.
pub(super) fn stack(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
    if let Some(other) = tensors.iter().find(|tensor| tensor.dims != tensors[0].dims) {
        let (first, other) = (&tensors[0].dims, &other.dims);
        return Err(Error::input(format!(
            "tensors of shapes {first:?} and {other:?} cannot be stacked"
        )));
    }
    let with_axis = |tensor: &&Tensor| {
        let mut tensor = (*tensor).clone();
        tensor.dims.insert(axis, 1);
        tensor
    };
    let tensors: Vec<Tensor> = tensors.iter().map(with_axis).collect();
    joined(&tensors.iter().collect::<Vec<_>>(), axis)
}
