//! Products and convolutions of quantized numbers, which float64 sums exactly.

use super::saturated;
use crate::error::Result;
use crate::ir::{DataType, Tensor};
use crate::ops::convolution::{convolve, with_bias};
use crate::ops::numbers::{of_integers, of_reals, reals};
use crate::ops::product::product;
use crate::ops::shape::{dims, sizes, spread};
use crate::ops::{Call, Value};

/// What a vector of scales or zero points stands for.
#[derive(Clone, Copy)]
pub(in crate::ops) enum Role {
    /// One for each row of a matrix.
    Row,
    /// One for each column of a matrix.
    Column,
    /// One for each sample or feature: the first axis of a weight.
    First,
    /// One for each channel: the second axis.
    Channel,
}

/// Scales or zero points, one for each element of a shape.
///
/// # Errors
/// They cannot be broadcast to it.
pub(in crate::ops) fn per_axis(tensor: &Tensor, role: Role, shape: &[usize]) -> Result<Vec<f64>> {
    let own = match (&sizes(tensor)[..], role) {
        ([1], _) => vec![],
        (&[count], Role::Row) => vec![count, 1],
        (&[count], Role::First) => [vec![count], vec![1; shape.len().saturating_sub(1)]].concat(),
        (&[count], Role::Channel) => [vec![count], vec![1; shape.len().saturating_sub(2)]].concat(),
        (own, _) => own.to_vec(),
    };
    spread(&reals(tensor)?, &own, shape)
}

/// The numbers of a tensor without their zero points.
pub(in crate::ops) fn centred(x: &Tensor, zero: Option<&Tensor>, role: Role) -> Result<Vec<f64>> {
    let mut numbers = reals(x)?;
    if let Some(zero) = zero {
        let zeros = per_axis(zero, role, &sizes(x))?;
        numbers.iter_mut().zip(zeros).for_each(|(x, zero)| *x -= zero);
    }
    Ok(numbers)
}

pub(super) fn matmul_integer(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let x = centred(a, call.optional(2)?, Role::Row)?;
    let y = centred(b, call.optional(3)?, Role::Column)?;
    let (y, shape) = product(&x, &sizes(a), &y, &sizes(b))?;
    Ok(vec![of_reals(DataType::I32, &dims(&shape), &y)?.into()])
}

pub(super) fn conv_integer(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, w) = (call.input(0)?, call.input(1)?);
    let a = centred(x, call.optional(2)?, Role::First)?;
    let b = centred(w, call.optional(3)?, Role::First)?;
    let (y, shape) = convolve(call, &a, &sizes(x), &b, &sizes(w))?;
    Ok(vec![of_reals(DataType::I32, &dims(&shape), &y)?.into()])
}

pub(super) fn qlinear_matmul(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(3)?);
    let x = centred(a, Some(call.input(2)?), Role::Row)?;
    let y = centred(b, Some(call.input(5)?), Role::Column)?;
    let (y, shape) = product(&x, &sizes(a), &y, &sizes(b))?;
    requantized(call, y, &shape, Role::Row, Role::Column)
}

pub(super) fn qlinear_conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, w) = (call.input(0)?, call.input(3)?);
    let a = centred(x, Some(call.input(2)?), Role::First)?;
    let b = centred(w, Some(call.input(5)?), Role::First)?;
    let (mut y, shape) = convolve(call, &a, &sizes(x), &b, &sizes(w))?;
    if let Some(bias) = call.optional(8)? {
        with_bias(&mut y, &shape, &reals(bias)?)?;
    }
    requantized(call, y, &shape, Role::Channel, Role::Channel)
}

/// A sum of products with the scales of inputs 1 and 4 as one with that of input 6.
fn requantized(
    call: &Call<'_>,
    sums: Vec<f64>,
    shape: &[usize],
    first: Role,
    second: Role,
) -> Result<Vec<Value>> {
    let scales = |slot: usize, role: Role| {
        let scales = per_axis(call.input(slot)?, role, shape);
        scales.map_err(|e| e.within(format!("input {slot}")))
    };
    let (a, b, y) = (scales(1, first)?, scales(4, second)?, scales(6, first)?);
    let zero = call.input(7)?;
    let zeros = per_axis(zero, first, shape).map_err(|e| e.within("input 7"))?;
    let quantized = sums
        .iter()
        .enumerate()
        .map(|(at, sum)| saturated(sum * (a[at] * b[at]) / y[at], zeros[at] as i128, zero.dtype));
    let quantized: Vec<i128> = quantized.collect::<Result<_>>()?;
    Ok(vec![of_integers(zero.dtype, &dims(shape), &quantized)?.into()])
}
