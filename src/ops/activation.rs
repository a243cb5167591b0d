//! Activations with parameters.

use super::elementwise::binary::{max, min};
use super::elementwise::unary;
use super::numbers::{Numbers, numbers, of_floats, of_numbers};
use super::{Call, Operator, Value, infer, op};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use std::borrow::Cow;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

pub(super) static OPERATORS: &[Operator] = &[
    op("Celu", |c| {
        let alpha = c.float("alpha")?;
        unary::float(c, |x| if x < 0.0 { alpha * (x / alpha).exp_m1() } else { x })
    })
    .infer(infer::elementwise::same),
    op("Clip", clip).infer(infer::elements::clip),
    op("Elu", |c| {
        let alpha = c.float("alpha")?;
        unary::float(c, |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
    })
    .infer(infer::elementwise::same),
    op("Gelu", gelu).infer(infer::elementwise::same),
    op("HardSigmoid", |c| {
        let (alpha, beta) = (c.float("alpha")?, c.float("beta")?);
        unary::float(c, |x| (alpha * x + beta).clamp(0.0, 1.0))
    })
    .infer(infer::elementwise::same),
    op("HardSwish", |c| unary::float(c, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)))
        .infer(infer::elementwise::same),
    op("LeakyRelu", |c| {
        let alpha = c.float("alpha")?;
        unary::float(c, |x| if x < 0.0 { alpha * x } else { x })
    })
    .infer(infer::elementwise::same),
    op("Mish", |c| unary::float(c, |x| x * softplus(x).tanh())).infer(infer::elementwise::same),
    op("Relu", |c| unary::both(c, |x| max(x, 0.0), |x| x.max(0))).infer(infer::elements::relu),
    op("Selu", |c| {
        let (alpha, gamma) = (c.float("alpha")?, c.float("gamma")?);
        unary::float(c, |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() })
    })
    .infer(infer::elementwise::same),
    op("Shrink", |c| {
        let (bias, lambd) = (c.float("bias")?, c.float("lambd")?);
        let shrunk = |x: f64| match () {
            () if x < -lambd => x + bias,
            () if x > lambd => x - bias,
            () => 0.0,
        };
        unary::both(c, shrunk, |x| shrunk(x as f64) as i128)
    })
    .infer(infer::elementwise::same),
    op("Sigmoid", |c| unary::float(c, sigmoid)).infer(infer::elementwise::same),
    op("Softplus", |c| unary::float(c, softplus)).infer(infer::elementwise::same),
    op("Softsign", |c| unary::float(c, |x| x / (1.0 + x.abs()))).infer(infer::elementwise::same),
    op("Swish", |c| {
        let alpha = c.float("alpha")?;
        unary::float(c, |x| x * sigmoid(alpha * x))
    })
    .infer(infer::elementwise::same),
    op("ThresholdedRelu", |c| {
        let alpha = c.float("alpha")?;
        unary::float(c, |x| if x > alpha { x } else { 0.0 })
    })
    .infer(infer::elementwise::same),
];

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// ln(1 + exp(x)) without overflow.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// x Φ(x): Hendrycks and Gimpel, 2016.
pub(super) fn gelu_exact(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2, which is near it.
pub(super) fn gelu_by_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + (FRAC_2_PI.sqrt() * (x + 0.044715 * x * x * x)).tanh())
}

fn gelu(call: &Call<'_>) -> Result<Vec<Value>> {
    match call.string("approximate")?.as_str() {
        "none" => unary::float(call, gelu_exact),
        "tanh" => unary::float(call, gelu_by_tanh),
        other => Err(Error::input(format!("approximate is {other:?}: none and tanh are known"))),
    }
}

/// The bound above wins.
fn clip(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let mut y = numbers(x)?;
    if let Some(low) = bound(call, 1, "min")? {
        bounded(&mut y, &low, max, i128::max).map_err(|e| e.within("min"))?;
    }
    if let Some(high) = bound(call, 2, "max")? {
        bounded(&mut y, &high, min, i128::min).map_err(|e| e.within("max"))?;
    }
    Ok(vec![of_numbers(x.dtype, &x.dims, &y)?.into()])
}

/// A bound: an input, before operator set 11 an attribute.
fn bound<'c>(call: &'c Call<'_>, slot: usize, name: &str) -> Result<Option<Cow<'c, Tensor>>> {
    if call.since() < 11 {
        let bound = of_floats(call.input(0)?.dtype, &[], &[call.float(name)?])?;
        return Ok(Some(Cow::Owned(bound)));
    }
    Ok(call.optional(slot)?.map(Cow::Borrowed))
}

fn bounded(
    y: &mut Numbers,
    bound: &Tensor,
    f: fn(f64, f64) -> f64,
    g: fn(i128, i128) -> i128,
) -> Result<()> {
    match (y, numbers(bound)?) {
        (Numbers::Floats(y), Numbers::Floats(bound)) if bound.len() == 1 => {
            y.iter_mut().for_each(|y| *y = f(*y, bound[0]));
        }
        (Numbers::Integers(y), Numbers::Integers(bound)) if bound.len() == 1 => {
            y.iter_mut().for_each(|y| *y = g(*y, bound[0]));
        }
        _ => return Err(Error::input(format!("is {}, not one number of the type", bound.ty()))),
    }
    Ok(())
}
