//! Elements by their indices.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::pick;
use crate::ops::numbers::i64s;
use crate::ops::shape::{axis, count, room, sizes};
use crate::ops::{Call, Value};

/// An index that may count from the end.
fn index(index: i64, size: usize) -> Result<usize> {
    let place = if index < 0 { index.saturating_add(size as i64) } else { index };
    match usize::try_from(place).ok().filter(|&place| place < size) {
        Some(place) => Ok(place),
        None => Err(Error::input(format!("index {index} is none of {size} elements"))),
    }
}

/// Indices that may count from the end.
fn indices_of(tensor: &Tensor, size: usize) -> Result<Vec<usize>> {
    i64s(tensor)?.into_iter().map(|at| index(at, size)).collect()
}

pub(super) fn gather(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let own = sizes(data);
    let along = axis(call.int("axis")?, own.len())?;
    let (before, after) = (&own[..along], &own[along + 1..]);
    let dims = [&data.dims[..along], &at.dims, &data.dims[along + 1..]].concat();
    let (size, width) = (own[along], count(after));
    let at = indices_of(at, size)?;
    let starts =
        (0..count(before)).flat_map(|row| at.iter().map(move |at| (row * size + at) * width));
    let places = starts.flat_map(|start| start..start + width);
    Ok(vec![pick(data, &room(&dims)?, places)?.into()])
}
