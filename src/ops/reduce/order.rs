//! By the order of elements.

use super::reduced_dims;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::pick;
use crate::ops::numbers::{Numbers, numbers, of_i64s};
use crate::ops::rows::Rows;
use crate::ops::shape::{axis, count, dims, sizes};
use crate::ops::{Call, Value};

const NAN: i128 = i128::MAX;

/// Integers in the order of the elements; NaN is above all, and −0 is 0.
fn keys(tensor: &Tensor) -> Result<Vec<i128>> {
    let key = |x: f64| {
        let bits = (x + 0.0).to_bits() as i64;
        let magnitude = i128::from(bits & i64::MAX);
        if x.is_nan() { NAN } else { magnitude * i128::from(bits.signum() | 1) }
    };
    Ok(match numbers(tensor)? {
        Numbers::Floats(x) => x.into_iter().map(key).collect(),
        Numbers::Integers(x) => x,
    })
}

/// The key in the reversed order, but that of NaN, which is above all too.
pub(super) fn reversed(key: i128) -> i128 {
    if key == NAN { NAN } else { -key }
}

/// The index of the element with the largest key.
pub(super) fn argument(call: &Call<'_>, change: fn(i128) -> i128) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let along = axis(call.int("axis")?, shape.len())?;
    if shape[along] == 0 {
        return Err(Error::input(format!("axis {along} of {} has no elements", x.ty())));
    }
    let is_last = call.since() >= 12 && call.flag("select_last_index")?;
    let keys: Vec<i128> = keys(x)?.into_iter().map(change).collect();
    let first = |row: &[i128]| {
        let better = |best, at| if row[at] > row[best] { at } else { best };
        let as_good = |best, at| if row[at] >= row[best] { at } else { best };
        let indices = 0..row.len();
        (if is_last { indices.fold(0, as_good) } else { indices.fold(0, better) }) as i64
    };
    let indices = Rows::along(&[along], &shape).each(&keys, first);
    let dims = reduced_dims(&shape, &[along], call.flag("keepdims")?);
    Ok(vec![of_i64s(&dims, &indices).into()])
}

/// The largest or smallest elements along an axis, sorted; of equal ones the first come first.
pub(super) fn top(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let along = axis(call.int("axis")?, shape.len())?;
    let k = call.numbers(1, "k")?.unwrap_or_default();
    let k = match k.as_slice() {
        &[k] => usize::try_from(k).ok().filter(|&k| k <= shape[along]),
        _ => None,
    }
    .ok_or_else(|| Error::input(format!("K is {k:?} of {} elements", shape[along])))?;
    let is_largest = call.since() < 11 || call.flag("largest")?;
    let keys = keys(x)?;
    let mut result = shape.clone();
    result[along] = k;
    let (mut from, mut indices) = (vec![0; count(&result)], vec![0; count(&result)]);
    let (rows, result_rows) = (Rows::along(&[along], &shape), Rows::along(&[along], &result));
    for (own, to) in rows.iter().zip(result_rows.iter()) {
        let mut order: Vec<usize> = (0..own.len()).collect();
        order.sort_by_key(|&at| if is_largest { -keys[own[at]] } else { keys[own[at]] });
        for (&place, at) in to.iter().zip(order) {
            (from[place], indices[place]) = (own[at], at as i64);
        }
    }
    let values = pick(x, &result, from.into_iter())?;
    Ok(vec![values.into(), of_i64s(&dims(&result), &indices).into()])
}
