//! Parts of a tensor, and a tensor as part of a larger one that repeats it.

use crate::error::{Error, Result};
use crate::ops::elements::{along_axes, reshaped, zero};
use crate::ops::numbers::i64s;
use crate::ops::shape::{axes, broadcast, dims, room, sizes};
use crate::ops::{Call, Value};

/// The part of an axis that a slice takes.
#[derive(Clone, Copy)]
struct Part {
    start: i128,
    step: i128,
    count: i128,
}

impl Part {
    /// As Slice says it, for an axis of `size` elements.
    fn of(size: i64, start: i64, end: i64, step: i64) -> Result<Self> {
        let (size, step) = (i128::from(size), i128::from(step));
        let place = |at: i64| i128::from(at) + if at < 0 { size } else { 0 };
        let (start, count) = match step.signum() {
            _ if size == 0 => (0, 0),
            0 => return Err(Error::input("a step is 0")),
            1 => {
                let (start, end) = (place(start).clamp(0, size), place(end).clamp(0, size));
                (start, (end - start + step - 1) / step)
            }
            _ => {
                let (start, end) =
                    (place(start).clamp(0, size - 1), place(end).clamp(-1, size - 1));
                (start, (start - end - step - 1) / -step)
            }
        };
        Ok(Self { start, step, count: count.max(0) })
    }
}

pub(super) fn slice(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let list = |slot, name| Ok(call.numbers(slot, name)?.unwrap_or_default());
    let (starts, ends): (Vec<i64>, Vec<i64>) = (list(1, "starts")?, list(2, "ends")?);
    let chosen = call.numbers(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.numbers(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), chosen.len(), steps.len()] != [starts.len(); 3] {
        return Err(Error::input(format!(
            "there are {} starts, {} ends, {} axes and {} steps",
            starts.len(),
            ends.len(),
            chosen.len(),
            steps.len()
        )));
    }
    let mut dims = data.dims.clone();
    let mut parts: Vec<Part> =
        dims.iter().map(|&size| Part { start: 0, step: 1, count: size.into() }).collect();
    for (at, axis) in axes(&chosen, dims.len())?.into_iter().enumerate() {
        parts[axis] = Part::of(dims[axis], starts[at], ends[at], steps[at])?;
        dims[axis] = parts[axis].count as i64;
    }
    let source = |axis: usize, index: usize| {
        let Part { start, step, .. } = parts[axis];
        Some((start + step * index as i128) as usize)
    };
    Ok(vec![along_axes(data, &dims, &zero(data.dtype), source)?.into()])
}

/// To the sizes that the data's and the given ones are broadcast to.
pub(super) fn expand(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, shape) = (call.input(0)?, room(&i64s(call.input(1)?)?)?);
    let result = dims(&broadcast(&[&sizes(data), &shape])?);
    let added = vec![1; result.len() - data.dims.len()];
    let data = reshaped(data, [added, data.dims.clone()].concat());
    let source = |axis: usize, index| Some(if data.dims[axis] == 1 { 0 } else { index });
    Ok(vec![along_axes(&data, &result, &zero(data.dtype), source)?.into()])
}

pub(super) fn tile(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, repeats) = (call.input(0)?, i64s(call.input(1)?)?);
    if repeats.len() != data.dims.len() {
        let (found, rank) = (repeats.len(), data.dims.len());
        return Err(Error::input(format!("there are {found} repeats of {rank} axes")));
    }
    let dims: Vec<i64> =
        data.dims.iter().zip(&repeats).map(|(d, r)| d.saturating_mul(*r)).collect();
    let source = |axis: usize, index: usize| Some(index % data.dims[axis] as usize);
    Ok(vec![along_axes(data, &dims, &zero(data.dtype), source)?.into()])
}
