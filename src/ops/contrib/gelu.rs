//! Activations (<https://arxiv.org/abs/1606.08415>).

use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::{Call, Value};

/// A function of the first input, to which a bias of the last axis may be added.
pub(super) fn activation(call: &Call<'_>, f: impl Fn(f64) -> f64) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let mut y = floats(x)?;
    if let Some(bias) = call.optional(1)? {
        if bias.dims.len() != 1 || x.dims.last() != bias.dims.last() {
            let (x, bias) = (&x.dims, &bias.dims);
            return Err(Error::input(format!("a bias of {bias:?} for inputs {x:?}")));
        }
        let bias = floats(bias)?;
        y.iter_mut().zip(bias.iter().cycle()).for_each(|(y, bias)| *y += bias);
    }
    y.iter_mut().for_each(|y| *y = f(*y));
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into()])
}

/// x σ(α x).
pub(super) fn quick_gelu(call: &Call<'_>) -> Result<Vec<Value>> {
    let alpha = call.float("alpha")?;
    activation(call, |x| x / (1.0 + (-alpha * x).exp()))
}
