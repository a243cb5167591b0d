//! Elements put where indices say.

use super::indices::{elements, rows};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::choose;
use crate::ops::elementwise::{max, min};
use crate::ops::numbers::{Numbers, i64s, numbers, of_numbers};
use crate::ops::shape::{axis, count, sizes};
use crate::ops::{Call, Value};

/// Data whose elements at the places, in this order, become those of the updates.
fn replaced(data: &Tensor, places: &[usize], updates: &Tensor) -> Result<Tensor> {
    let own = sizes(data);
    let mut from: Vec<(usize, usize)> = (0..count(&own)).map(|place| (0, place)).collect();
    for (update, &place) in places.iter().enumerate() {
        from[place] = (1, update);
    }
    choose(&[data, updates], &own, from.into_iter())
}

/// Each element reduced with the updates of its place.
fn reduced<T: Copy>(mut data: Vec<T>, places: &[usize], updates: &[T], f: fn(T, T) -> T) -> Vec<T> {
    for (&place, &update) in places.iter().zip(updates) {
        data[place] = f(data[place], update);
    }
    data
}

/// A function of floats and one of integers.
type Reduction = (fn(f64, f64) -> f64, fn(i128, i128) -> i128);

/// Data with the updates, by `reduction`.
fn updated(call: &Call<'_>, places: &[usize]) -> Result<Vec<Value>> {
    let (data, updates) = (call.input(0)?, call.input(2)?);
    let reduction = if call.since() < 16 { "none".to_owned() } else { call.string("reduction")? };
    let (float, integer): Reduction = match reduction.as_str() {
        "none" => return Ok(vec![replaced(data, places, updates)?.into()]),
        "add" => (|x, y| x + y, i128::wrapping_add),
        "mul" => (|x, y| x * y, i128::wrapping_mul),
        "max" if call.since() >= 18 => (max, i128::max),
        "min" if call.since() >= 18 => (min, i128::min),
        other => {
            let error = Error::input(format!("reduction is {other:?}"));
            return Err(
                error.help("none, add, mul, and since operator set 18 max and min are accepted")
            );
        }
    };
    let numbers = match (numbers(data)?, numbers(updates)?) {
        (Numbers::Floats(x), Numbers::Floats(y)) => Numbers::Floats(reduced(x, places, &y, float)),
        (Numbers::Integers(x), Numbers::Integers(y)) => {
            Numbers::Integers(reduced(x, places, &y, integer))
        }
        _ => return Err(Error::input("data and updates are of different types")),
    };
    Ok(vec![of_numbers(data.dtype, &data.dims, &numbers)?.into()])
}

/// Whether updates have the sizes that they must have.
fn check_updates(updates: &Tensor, sizes: &[i64]) -> Result<()> {
    match updates.dims == sizes {
        true => Ok(()),
        false => Err(Error::input(format!("updates are {:?} instead of {sizes:?}", updates.dims))),
    }
}

pub(super) fn scatter_elements(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let axis = axis(call.int("axis")?, data.dims.len())?;
    check_updates(call.input(2)?, &at.dims)?;
    updated(call, &elements(data, at, axis)?)
}

pub(super) fn scatter_nd(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let (starts, width) = rows(data, at, 0)?;
    let (depth, rows) = at.dims.split_last().map_or((0, &[][..]), |(&last, rows)| (last, rows));
    check_updates(call.input(2)?, &[rows, &data.dims[depth as usize..]].concat())?;
    let places: Vec<usize> = starts.into_iter().flat_map(|start| start..start + width).collect();
    updated(call, &places)
}

/// For each of the batch, from its index on along `axis`.
pub(super) fn tensor_scatter(call: &Call<'_>) -> Result<Vec<Value>> {
    let (cache, update) = (call.input(0)?, call.input(1)?);
    let (own, new) = (sizes(cache), sizes(update));
    let axis = axis(call.int("axis")?, own.len())?;
    if axis == 0 {
        return Err(Error::input("axis 0 is that of the batch"));
    }
    let mut expected = own.clone();
    expected[axis] = new.get(axis).copied().unwrap_or(0).min(own[axis]);
    if new != expected {
        return Err(Error::input(format!("an update of sizes {new:?} does not fit into {own:?}")));
    }
    let is_circular = match call.string("mode")?.as_str() {
        "circular" => true,
        "linear" => false,
        other => {
            return Err(Error::input(format!("mode is {other:?}: linear, circular are accepted")));
        }
    };
    let starts = call.optional(2)?.map(i64s).transpose()?.unwrap_or_else(|| vec![0; own[0]]);
    if starts.len() != own[0] {
        return Err(Error::input(format!(
            "{} write_indices, {} in the batch",
            starts.len(),
            own[0]
        )));
    }
    let (size, length, width) = (own[axis], new[axis], count(&own[axis + 1..]));
    let last = (size - length) as i64;
    if let Some(start) = starts.iter().find(|&start| !is_circular && !(0..=last).contains(start)) {
        return Err(Error::input(format!("write index {start} with {length} elements of {size}")));
    }
    let (rows, each) = (count(&own[..axis]), count(&own[1..axis]));
    let place = |row: usize, at: usize| {
        let at = (i128::from(starts[row / each]) + at as i128).rem_euclid(size as i128) as usize;
        (row * size + at) * width
    };
    let starts = (0..rows).flat_map(|row| (0..length).map(move |at| (row, at)));
    let places = starts.map(|(row, at)| place(row, at)).flat_map(|start| start..start + width);
    Ok(vec![replaced(cache, &places.collect::<Vec<_>>(), update)?.into()])
}
