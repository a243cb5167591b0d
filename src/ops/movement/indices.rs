//! Places in a tensor that tensors of indices say. An index may count from the end.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::numbers::i64s;
use crate::ops::shape::{count, places, sizes, strides};

fn index(index: i64, size: usize) -> Result<usize> {
    let place = if index < 0 { index.saturating_add(size as i64) } else { index };
    match usize::try_from(place).ok().filter(|&place| place < size) {
        Some(place) => Ok(place),
        None => Err(Error::input(format!("index {index} is none of {size} elements"))),
    }
}

/// Indices along one axis of `size` elements.
pub(super) fn along(indices: &Tensor, size: usize) -> Result<Vec<usize>> {
    i64s(indices)?.into_iter().map(|at| index(at, size)).collect()
}

/// For each index the place with this index along `axis`, and with its own along the other axes.
pub(super) fn elements(data: &Tensor, indices: &Tensor, axis: usize) -> Result<Vec<usize>> {
    let (own, at) = (sizes(data), sizes(indices));
    let fits = |(other, (at, own))| other == axis || at <= own;
    if at.len() != own.len() || !at.iter().zip(&own).enumerate().all(fits) {
        return Err(Error::input(format!("indices of sizes {at:?} go beyond data of {own:?}")));
    }
    let mut strides = strides(&own);
    let stride = std::mem::take(&mut strides[axis]);
    let chosen = along(indices, own[axis])?;
    Ok(places(&at, &strides).zip(chosen).map(|(start, index)| start + index * stride).collect())
}

/// For each row of indices the place that they say along the axes after the first `batch`, along
/// which the place is that of the row; and how many elements there are from there on.
pub(super) fn rows(data: &Tensor, indices: &Tensor, batch: usize) -> Result<(Vec<usize>, usize)> {
    let (own, at) = (sizes(data), sizes(indices));
    let (Some((&depth, rows)), true) = (at.split_last(), at.len() > batch) else {
        return Err(Error::input(format!("indices of sizes {at:?} have no rows")));
    };
    let wrong = |what: &str| Err(Error::input(format!("indices {at:?} of data {own:?}: {what}")));
    if own.len() < batch || own[..batch] != rows[..batch] {
        return wrong("the batch axes differ");
    }
    if depth == 0 || batch + depth > own.len() {
        return wrong("a row has an index for each axis, or for the first ones");
    }
    let (strides, indexed) = (strides(&own), batch..batch + depth);
    let width = count(&own[indexed.end..]);
    let of_batch = count(&rows[batch..]);
    let in_batch = count(&own[batch..]);
    let place = |(row, indices): (usize, &[i64])| {
        let axes = indices.iter().zip(&own[indexed.clone()]).zip(&strides[indexed.clone()]);
        axes.map(|((&at, &size), stride)| Ok(index(at, size)? * stride))
            .try_fold(row / of_batch * in_batch, |sum, offset: Result<usize>| Ok(sum + offset?))
    };
    let starts = i64s(indices)?.chunks(depth).enumerate().map(place).collect::<Result<_>>()?;
    Ok((starts, width))
}
