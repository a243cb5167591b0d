//! Reductions, arguments, sorting and running sums.

mod order;
mod running;

use super::elementwise::binary::{max, min};
use super::numbers::{Numbers, limits, numbers, of_numbers};
use super::rows::Rows;
use super::shape::{axes, dims, sizes};
use super::{Call, Operator, Value, infer, op};
use crate::error::{Error, Result};

pub(super) static OPERATORS: &[Operator] = &[
    op("ArgMax", |c| order::argument(c, |key| key)).infer(infer::reduce::argument),
    op("ArgMin", |c| order::argument(c, order::reversed)).infer(infer::reduce::argument),
    op("CumProd", |c| running::running(c, (1.0, |x, y| x * y), (1, i128::wrapping_mul)))
        .infer(infer::elementwise::same),
    op("CumSum", |c| running::running(c, (0.0, |x, y| x + y), (0, i128::wrapping_add)))
        .infer(infer::elementwise::same),
    op("ReduceL1", |c| reduce(c, |x| sum(x, f64::abs), |x| Ok(x.iter().map(|x| x.abs()).sum())))
        .infer(infer::reduce::reduce),
    op("ReduceL2", |c| reduce(c, |x| sum(x, |x| x * x).sqrt(), |x| Ok(squares(x).isqrt())))
        .infer(infer::reduce::reduce),
    op("ReduceLogSum", |c| real(c, |x| sum(x, |x| x).ln())).infer(infer::reduce::reduce),
    op("ReduceLogSumExp", |c| real(c, log_sum_exp)).infer(infer::reduce::reduce),
    op("ReduceMax", |c| extreme(c, f64::NEG_INFINITY, max, i128::max)).infer(infer::reduce::max),
    op("ReduceMean", |c| reduce(c, |x| sum(x, |x| x) / x.len() as f64, mean))
        .infer(infer::reduce::reduce),
    op("ReduceMin", |c| extreme(c, f64::INFINITY, min, i128::min)).infer(infer::reduce::min),
    op("ReduceProd", |c| {
        let product = |x: &[i128]| x.iter().fold(1, |y: i128, x| y.wrapping_mul(*x));
        reduce(c, |x| x.iter().product(), |x| Ok(product(x)))
    })
    .infer(infer::reduce::product),
    op("ReduceSum", |c| reduce(c, |x| sum(x, |x| x), |x| Ok(x.iter().sum())))
        .infer(infer::reduce::sum),
    op("ReduceSumSquare", |c| reduce(c, |x| sum(x, |x| x * x), |x| Ok(squares(x))))
        .infer(infer::reduce::reduce),
    op("TopK", order::top).infer(infer::reduce::top),
];

/// A function of the floats, or of the integers, along the axes.
fn reduce(
    call: &Call<'_>,
    f: impl Fn(&[f64]) -> f64,
    g: impl Fn(&[i128]) -> Result<i128>,
) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let along = reduced_axes(call, shape.len())?;
    let rows = Rows::along(&along, &shape);
    let reduced = match numbers(x)? {
        Numbers::Floats(x) => Numbers::Floats(rows.each(&x, f)),
        Numbers::Integers(x) => {
            Numbers::Integers(rows.each(&x, g).into_iter().collect::<Result<_>>()?)
        }
    };
    let dims = reduced_dims(&shape, &along, call.flag("keepdims")?);
    Ok(vec![of_numbers(x.dtype, &dims, &reduced)?.into()])
}

/// The axes that the node says: where it says none, all, or with `noop_with_empty_axes` none.
fn reduced_axes(call: &Call<'_>, rank: usize) -> Result<Vec<usize>> {
    const NOOP: &str = "noop_with_empty_axes";
    let list = call.numbers(1, "axes")?.unwrap_or_default();
    let is_noop = call.schema.attribute(NOOP).is_some() && call.flag(NOOP)?;
    if list.is_empty() && !is_noop { Ok((0..rank).collect()) } else { axes(&list, rank) }
}

/// Sizes without these axes, or with 1 in their place.
fn reduced_dims(shape: &[usize], along: &[usize], keep: bool) -> Vec<i64> {
    let is_along = |axis: &usize| along.contains(axis);
    let size = |axis: usize| if is_along(&axis) { 1 } else { shape[axis] };
    let kept = (0..shape.len()).filter(|axis| keep || !is_along(axis));
    dims(&kept.map(size).collect::<Vec<_>>())
}

/// A function of real numbers; of integers towards 0, and the nearest that the type has.
fn real(call: &Call<'_>, f: impl Fn(&[f64]) -> f64) -> Result<Vec<Value>> {
    let (low, high) = limits(call.input(0)?.dtype);
    let of_integers = |x: &[i128]| f(&x.iter().map(|&x| x as f64).collect::<Vec<_>>()) as i128;
    reduce(call, &f, |x| Ok(of_integers(x).clamp(low, high)))
}

/// The largest or the smallest; of none what is no larger or no smaller than any.
fn extreme(
    call: &Call<'_>,
    of_none: f64,
    f: fn(f64, f64) -> f64,
    g: fn(i128, i128) -> i128,
) -> Result<Vec<Value>> {
    let (low, high) = limits(call.input(0)?.dtype);
    let start = if of_none < 0.0 { low } else { high };
    let all = |x: &[i128]| x.iter().copied().fold(start, g);
    reduce(call, |x| x.iter().copied().fold(of_none, f), |x| Ok(all(x)))
}

fn sum(x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    x.iter().fold(0.0, |sum, x| sum + f(*x))
}

/// Squares of integers of 64 bits may need more than 128.
fn squares(x: &[i128]) -> i128 {
    x.iter().fold(0, |sum: i128, x| sum.saturating_add(x.saturating_mul(*x)))
}

/// Towards 0.
fn mean(x: &[i128]) -> Result<i128> {
    let mean = x.iter().sum::<i128>().checked_div(x.len() as i128);
    mean.ok_or_else(|| Error::input("no integers have no mean that is an integer"))
}

/// Without overflow: by the largest.
fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, max);
    if largest.is_infinite() { largest } else { largest + sum(x, |x| (x - largest).exp()).ln() }
}
