//! Operators of quantized numbers.

use crate::error::Result;
use crate::ir::Tensor;
use crate::ops::numbers::{floats, of_floats, of_integers};
use crate::ops::product::product;
use crate::ops::quantize::{Role, centred, dynamic, per_axis, saturated};
use crate::ops::shape::{broadcast, dims, sizes, spread};
use crate::ops::{Call, Value};

pub(super) fn dynamic_matmul(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (x, scale, zero) = dynamic(a)?;
    let x: Vec<f64> = x.into_iter().map(|x| (x - zero) as f64 * scale).collect();
    let y = centred(b, call.optional(3)?, Role::Column)?;
    let (y, shape) = product(&x, &sizes(a), &y, &sizes(b))?;
    scaled(a, y, &shape, &[(call.input(2)?, Role::Column)], call.optional(4)?)
}

pub(super) fn matmul_to_float(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (a_scale, b_scale) = (call.input(2)?, call.input(3)?);
    let x = centred(a, call.optional(4)?, Role::Row)?;
    let y = centred(b, call.optional(5)?, Role::Column)?;
    let (y, shape) = product(&x, &sizes(a), &y, &sizes(b))?;
    let scales = [(a_scale, Role::Row), (b_scale, Role::Column)];
    scaled(a_scale, y, &shape, &scales, call.optional(6)?)
}

/// Numbers times scales plus a bias, in the type of another tensor.
fn scaled(
    like: &Tensor,
    mut y: Vec<f64>,
    shape: &[usize],
    scales: &[(&Tensor, Role)],
    bias: Option<&Tensor>,
) -> Result<Vec<Value>> {
    for (scale, role) in scales {
        let scales = per_axis(scale, *role, shape)?;
        y.iter_mut().zip(scales).for_each(|(y, scale)| *y *= scale);
    }
    if let Some(bias) = bias {
        let bias = spread(&floats(bias)?, &sizes(bias), shape)?;
        y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    }
    Ok(vec![of_floats(like.dtype, &dims(shape), &y)?.into()])
}

pub(super) fn add(call: &Call<'_>) -> Result<Vec<Value>> {
    binary(call, |a, b, [a_scale, b_scale, c_scale]| (a * a_scale + b * b_scale) / c_scale)
}

pub(super) fn mul(call: &Call<'_>) -> Result<Vec<Value>> {
    binary(call, |a, b, [a_scale, b_scale, c_scale]| a * b * (a_scale * b_scale) / c_scale)
}

/// A function of numbers without their zero points and of the scales, in units of that of C.
fn binary(call: &Call<'_>, f: impl Fn(f64, f64, [f64; 3]) -> f64) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(3)?);
    let (a_shape, b_shape) = (sizes(a), sizes(b));
    let shape = broadcast(&[&a_shape, &b_shape])?;
    let x = spread(&centred(a, call.optional(2)?, Role::First)?, &a_shape, &shape)?;
    let y = spread(&centred(b, call.optional(5)?, Role::First)?, &b_shape, &shape)?;
    let one = |tensor: &Tensor| Ok(per_axis(tensor, Role::First, &[1])?[0]);
    let scales = [one(call.input(1)?)?, one(call.input(4)?)?, one(call.input(6)?)?];
    let zero = call.optional(7)?.map(one).transpose()?.unwrap_or(0.0);
    let c = x.into_iter().zip(y).map(|(x, y)| saturated(f(x, y, scales), zero as i128, a.dtype));
    let c: Vec<i128> = c.collect::<Result<_>>()?;
    Ok(vec![of_integers(a.dtype, &dims(&shape), &c)?.into()])
}
