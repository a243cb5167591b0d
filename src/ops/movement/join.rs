//! Several tensors as one, and one as several.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::{along_axes, choose, zero};
use crate::ops::shape::{axis, count, room, sizes};
use crate::ops::{Call, Value};

pub(super) fn concat(call: &Call<'_>) -> Result<Vec<Value>> {
    let along = axis(call.int("axis")?, call.input(0)?.dims.len())?;
    Ok(vec![joined(&call.tensors()?, along)?.into()])
}

/// Tensors one after the other along an axis that all have.
///
/// # Errors
/// There is none, or they differ in another axis.
pub(in crate::ops) fn joined(all: &[&Tensor], along: usize) -> Result<Tensor> {
    let first = all.first().ok_or_else(|| Error::input("there is no tensor"))?;
    let mut dims = first.dims.clone();
    dims[along] = 0;
    for tensor in all {
        let same = |(at, (a, b))| at == along || a == b;
        let mut pairs = tensor.dims.iter().zip(&first.dims).enumerate();
        if tensor.dims.len() != dims.len() || !pairs.all(same) {
            let (a, b) = (&first.dims, &tensor.dims);
            return Err(Error::input(format!("{a:?} and {b:?} differ in more than axis {along}")));
        }
        dims[along] = dims[along].saturating_add(tensor.dims[along]);
    }
    let result = room(&dims)?;
    let rows = count(&result[..along]);
    let widths: Vec<usize> = all.iter().map(|tensor| count(&sizes(tensor)[along..])).collect();
    let row = |(of, width): (usize, &usize), row: usize| {
        (row * width..(row + 1) * width).map(move |place| (of, place))
    };
    let places = (0..rows).flat_map(|at| widths.iter().enumerate().flat_map(move |w| row(w, at)));
    choose(all, &result, places)
}

pub(super) fn split(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let axis = axis(call.int("axis")?, data.dims.len())?;
    let size = data.dims[axis];
    let parts = match call.numbers(1, "split")? {
        Some(parts) => parts,
        None => equal_parts(call, size)?,
    };
    let is_whole = parts.iter().all(|part| (0..=size).contains(part))
        && parts.iter().map(|&part| i128::from(part)).sum::<i128>() == i128::from(size);
    if parts.len() != call.outputs || !is_whole {
        let outputs = call.outputs;
        return Err(Error::input(format!(
            "{size} elements, {outputs} outputs: split is {parts:?}"
        )));
    }
    let mut start = 0;
    let mut part = |size: i64| {
        let mut dims = data.dims.clone();
        dims[axis] = size;
        let source = |at, index| Some(if at == axis { start + index } else { index });
        let part: Result<Tensor> = along_axes(data, &dims, &zero(data.dtype), source);
        start += size as usize;
        Ok(part?.into())
    };
    parts.into_iter().map(&mut part).collect()
}

/// Parts of equal sizes; since operator set 18 the last ones may be smaller.
fn equal_parts(call: &Call<'_>, size: i64) -> Result<Vec<i64>> {
    let number =
        if call.has("num_outputs") { call.int("num_outputs")? } else { call.outputs as i64 };
    if number != call.outputs as i64 || number == 0 {
        return Err(Error::input(format!("num_outputs is {number}, of {}", call.outputs)));
    }
    if call.since() < 18 && size % number != 0 {
        return Err(Error::input(format!("{size} elements have no {number} equal parts")));
    }
    let each = size / number + i64::from(size % number != 0);
    Ok((0..number).map(|at| each.min((size - at * each).max(0))).collect())
}
