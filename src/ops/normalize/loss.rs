//! Losses.

use super::softmax::log_softmax;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::numbers::{floats, i64s, of_floats};
use crate::ops::rows::Rows;
use crate::ops::shape::sizes;
use crate::ops::{Call, Value};

pub(super) fn negative_log_likelihood(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    Ok(vec![loss(call, x, &rows(x)?, &floats(x)?)?.into()])
}

/// Also the logarithms of the probabilities.
pub(super) fn cross_entropy(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (rows, mut logs) = (rows(x)?, floats(x)?);
    rows.change(&mut logs, |_, row| log_softmax(row));
    let loss = loss(call, x, &rows, &logs)?;
    Ok(vec![loss.into(), of_floats(x.dtype, &x.dims, &logs)?.into()])
}

/// Rows along the axis of classes.
fn rows(x: &Tensor) -> Result<Rows> {
    match sizes(x).as_slice() {
        shape @ [_, _, ..] => Ok(Rows::along(&[1], shape)),
        _ => Err(Error::input(format!("input is {}: it has no axis of classes", x.ty()))),
    }
}

/// What each target, or their sum or mean, loses by the logarithms of probabilities.
fn loss(call: &Call<'_>, x: &Tensor, rows: &Rows, logs: &[f64]) -> Result<Tensor> {
    let target = call.input(1)?;
    if [&x.dims[..1], &x.dims[2..]].concat() != target.dims {
        return Err(Error::input(format!("targets are {} of {}", target.ty(), x.ty())));
    }
    let weights = match call.optional(2)? {
        None => vec![1.0; rows.length],
        Some(weights) => floats(weights)?,
    };
    if weights.len() != rows.length {
        let (found, classes) = (weights.len(), rows.length);
        return Err(Error::input(format!("there are {found} weights of {classes} classes")));
    }
    let ignored = if call.has("ignore_index") { Some(call.int("ignore_index")?) } else { None };
    let mut losses = Vec::with_capacity(rows.count);
    let mut total = 0.0;
    for (row, target) in rows.iter().zip(i64s(target)?) {
        let class = usize::try_from(target).ok().filter(|&class| class < rows.length);
        losses.push(match class {
            _ if Some(target) == ignored => 0.0,
            None => {
                let classes = rows.length;
                return Err(Error::input(format!("target {target} is none of {classes} classes")));
            }
            Some(class) => {
                total += weights[class];
                -logs[row[class]] * weights[class]
            }
        });
    }
    let sum: f64 = losses.iter().sum();
    match call.string("reduction")?.as_str() {
        "none" => of_floats(x.dtype, &target.dims, &losses),
        "sum" => of_floats(x.dtype, &[], &[sum]),
        "mean" => of_floats(x.dtype, &[], &[sum / total]),
        other => Err(Error::input(format!("reduction is {other:?}: none, sum and mean are known"))),
    }
}
