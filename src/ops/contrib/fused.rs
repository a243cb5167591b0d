//! Products and convolutions with what comes after them.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::activation::{sigmoid, softplus};
use crate::ops::convolution::conv as plain_conv;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::product::{gemm as plain_gemm, permuted, product};
use crate::ops::shape::{dims, sizes};
use crate::ops::{Call, Value};

pub(super) fn matmul(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b, alpha) = (call.input(0)?, call.input(1)?, call.float("alpha")?);
    let (x, x_shape) = transposed(call, a, "transA", "transBatchA")?;
    let (y, y_shape) = transposed(call, b, "transB", "transBatchB")?;
    let (mut y, shape) = product(&x, &x_shape, &y, &y_shape)?;
    y.iter_mut().for_each(|y| *y *= alpha);
    Ok(vec![of_floats(a.dtype, &dims(&shape), &y)?.into()])
}

/// Numbers with the last two axes swapped, and before that the first axis moved behind the batch;
/// a vector as it is.
fn transposed(
    call: &Call<'_>,
    tensor: &Tensor,
    swap: &str,
    batch: &str,
) -> Result<(Vec<f64>, Vec<usize>)> {
    let (numbers, shape) = (floats(tensor)?, sizes(tensor));
    let rank = shape.len();
    let mut order: Vec<usize> = (0..rank).collect();
    if rank > 1 && call.flag(batch)? {
        order[..rank - 1].rotate_left(1);
    }
    if rank > 1 && call.flag(swap)? {
        order.swap(rank - 2, rank - 1);
    }
    Ok(permuted(&numbers, &shape, &order))
}

pub(super) fn gemm(call: &Call<'_>) -> Result<Vec<Value>> {
    let parameter = |name: &str| call.has(name).then(|| call.float(name)).transpose();
    let parameters = [parameter("activation_alpha")?, parameter("activation_beta")?];
    activated(call, plain_gemm(call)?, parameters)
}

pub(super) fn conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let given = call.floats("activation_params")?.unwrap_or_default();
    let mut y = plain_conv(call)?;
    if let Some(z) = call.optional(3)? {
        if z.dims != y.dims {
            return Err(Error::input(format!("Z is {:?}, the result {:?}", z.dims, y.dims)));
        }
        let sum: Vec<f64> = floats(&y)?.into_iter().zip(floats(z)?).map(|(y, z)| y + z).collect();
        y = of_floats(y.dtype, &y.dims, &sum)?;
    }
    activated(call, y, [given.first().copied(), given.get(1).copied()])
}

/// A result after the activation that the attribute names.
fn activated(call: &Call<'_>, y: Tensor, [alpha, beta]: [Option<f64>; 2]) -> Result<Vec<Value>> {
    if !call.has("activation") {
        return Ok(vec![y.into()]);
    }
    let name = call.string("activation")?;
    let missing = || Error::input(format!("activation {name} takes more parameters"));
    let alpha = || alpha.ok_or_else(missing);
    let beta = || beta.ok_or_else(missing);
    let function: Box<dyn Fn(f64) -> f64> = match name.as_str() {
        "Relu" => Box::new(|x| if x < 0.0 { 0.0 } else { x }),
        "Sigmoid" => Box::new(sigmoid),
        "Tanh" => Box::new(f64::tanh),
        "Softplus" => Box::new(softplus),
        "Softsign" => Box::new(|x| x / (1.0 + x.abs())),
        "LeakyRelu" => {
            let alpha = alpha()?;
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Elu" => {
            let alpha = alpha()?;
            Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "ThresholdedRelu" => {
            let alpha = alpha()?;
            Box::new(move |x| if x > alpha { x } else { 0.0 })
        }
        "HardSigmoid" => {
            let (alpha, beta) = (alpha()?, beta()?);
            Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "Clip" => {
            let (least, greatest) = (alpha()?, beta()?);
            Box::new(move |x| {
                if x < least {
                    least
                } else if x > greatest {
                    greatest
                } else {
                    x
                }
            })
        }
        _ => return Err(Error::input(format!("activation {name:?} is not supported"))),
    };
    let activated: Vec<f64> = floats(&y)?.into_iter().map(function).collect();
    Ok(vec![of_floats(y.dtype, &y.dims, &activated)?.into()])
}
