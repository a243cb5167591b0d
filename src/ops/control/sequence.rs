//! Sequences of tensors.

use super::parts;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::movement::joined;
use crate::ops::numbers::{i64s, of_i64s};
use crate::ops::shape::axis;
use crate::ops::{Call, Value};

pub(super) fn construct(call: &Call<'_>) -> Result<Vec<Value>> {
    let tensors = call.tensors()?;
    if let Some(other) = tensors.iter().find(|tensor| tensor.dtype != tensors[0].dtype) {
        let (first, other) = (tensors[0].dtype, other.dtype);
        return Err(Error::input(format!("a sequence of {first} cannot have {other}")));
    }
    Ok(vec![Value::Sequence(tensors.into_iter().cloned().map(Value::from).collect())])
}

pub(super) fn empty(_: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![Value::Sequence(Vec::new())])
}

pub(super) fn length(call: &Call<'_>) -> Result<Vec<Value>> {
    let length = call.value(0)?.sequence()?.len() as i64;
    Ok(vec![of_i64s(&[], &[length]).into()])
}

/// The position that an input says, of `count`; none where it is left out.
fn position(call: &Call<'_>, slot: usize, count: usize) -> Result<Option<usize>> {
    let Some(tensor) = call.optional(slot)? else { return Ok(None) };
    let [position] = i64s(tensor)?[..] else {
        return Err(Error::input(format!("the position has the shape {:?}", tensor.dims)));
    };
    axis(position, count)
        .map(Some)
        .map_err(|_| Error::input(format!("position {position} is none of {count}")))
}

pub(super) fn at(call: &Call<'_>) -> Result<Vec<Value>> {
    let values = call.value(0)?.sequence()?;
    let position = position(call, 1, values.len())?;
    let position = position.ok_or_else(|| Error::input("the position is missing"))?;
    Ok(vec![values[position].clone()])
}

pub(super) fn erase(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut values = call.value(0)?.sequence()?.to_vec();
    let last = values.len().checked_sub(1);
    let last = last.ok_or_else(|| Error::input("the sequence is empty"))?;
    values.remove(position(call, 1, values.len())?.unwrap_or(last));
    Ok(vec![Value::Sequence(values)])
}

/// A position counts from the end as it does in Python: -1 is before the last element.
pub(super) fn insert(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut values = call.value(0)?.sequence()?.to_vec();
    let tensor = call.input(1)?.clone();
    let count = values.len();
    let place = match call.optional(2)?.map(i64s).transpose()?.as_deref() {
        None => count,
        Some([place]) if *place == count as i64 => count,
        Some([place]) if *place == -(count as i64) => 0,
        Some(_) => position(call, 2, count)?.unwrap_or(count),
    };
    values.insert(place, tensor.into());
    Ok(vec![Value::Sequence(values)])
}

pub(super) fn concat(call: &Call<'_>) -> Result<Vec<Value>> {
    let values = call.value(0)?.sequence()?;
    let tensors: Vec<&Tensor> = values.iter().map(Value::tensor).collect::<Result<_>>()?;
    let first = tensors.first().ok_or_else(|| Error::input("the sequence is empty"))?;
    let is_new = call.flag("new_axis")?;
    let axis = axis(call.int("axis")?, first.dims.len() + usize::from(is_new))?;
    let join = if is_new { parts::stack } else { joined };
    Ok(vec![join(&tensors, axis)?.into()])
}

pub(super) fn split(call: &Call<'_>) -> Result<Vec<Value>> {
    let input = call.input(0)?;
    let axis = axis(call.int("axis")?, input.dims.len())?;
    let size = input.dims[axis] as usize;
    let lengths = match call.optional(1)? {
        None if !call.flag("keepdims")? => {
            let one = |index| parts::at(input, axis, index).map(Value::from);
            return Ok(vec![Value::Sequence((0..size).map(one).collect::<Result<_>>()?)]);
        }
        None => vec![1; size],
        Some(split) => lengths(split, size)?,
    };
    let mut start = 0;
    let one = |length: usize| {
        start += length;
        parts::part(input, axis, start - length..start).map(Value::from)
    };
    Ok(vec![Value::Sequence(lengths.into_iter().map(one).collect::<Result<_>>()?)])
}

/// The lengths of the parts: all of one, but for a shorter last, or those that are listed.
fn lengths(split: &Tensor, size: usize) -> Result<Vec<usize>> {
    let listed = i64s(split)?;
    let wrong = || Error::input(format!("an axis of size {size} cannot be split by {listed:?}"));
    let lengths: Vec<usize> =
        listed.iter().map(|&l| usize::try_from(l).ok()).collect::<Option<_>>().ok_or_else(wrong)?;
    match (split.dims.is_empty(), &lengths[..]) {
        (true, &[length]) if length > 0 => {
            Ok((0..size).step_by(length).map(|start| (size - start).min(length)).collect())
        }
        (false, _) if lengths.iter().try_fold(0usize, |n, &l| n.checked_add(l)) == Some(size) => {
            Ok(lengths)
        }
        _ => Err(wrong()),
    }
}
