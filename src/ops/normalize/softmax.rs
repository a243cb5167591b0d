//! Softmax and its kin.

use crate::error::Result;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::rows::Rows;
use crate::ops::shape::{axis, sizes};
use crate::ops::{Call, Value};

/// A function of rows: along the axis, before operator set 13 along it and all that follow.
pub(super) fn along(call: &Call<'_>, f: fn(&mut [f64])) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let first = axis(call.int("axis")?, shape.len())?;
    let end = if call.since() < 13 { shape.len() } else { first + 1 };
    let mut y = floats(x)?;
    let axes: Vec<usize> = (first..end).collect();
    Rows::along(&axes, &shape).change(&mut y, |_, row| f(row));
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into()])
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

pub(super) fn softmax(row: &mut [f64]) {
    let largest = largest(row);
    row.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

pub(super) fn log_softmax(row: &mut [f64]) {
    let largest = largest(row);
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter_mut().for_each(|x| *x = *x - largest - sum.ln());
}

/// 1 for the first of the largest, which NaN is not.
pub(super) fn hardmax(row: &mut [f64]) {
    let largest = largest(row);
    let first = row.iter().position(|&x| x == largest);
    row.iter_mut().enumerate().for_each(|(at, x)| *x = f64::from(Some(at) == first));
}
