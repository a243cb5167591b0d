//! The causal convolution of each channel, with the inputs that came before.

use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, filled, sizes};
use crate::ops::{Call, Value};

pub(super) fn conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let (input, weight) = (call.input(0)?, call.input(1)?);
    let activation: fn(f64) -> f64 = match call.string("activation")?.as_str() {
        "none" => |x| x,
        "silu" | "swish" => |x| x / (1.0 + (-x).exp()),
        other => return Err(Error::input(format!("activation is {other:?}"))),
    };
    let [batch, channels, length] = three(0, &sizes(input))?;
    let [rows, own, taps] = three(1, &sizes(weight))?;
    if rows != channels || own != 1 || taps == 0 {
        let message = format!("a weight of {:?} for {channels} channels", weight.dims);
        return Err(Error::input(message));
    }
    let optional = |slot: usize, expected: &[usize]| {
        let Some(tensor) = call.optional(slot)? else { return filled(expected, 0.0) };
        if sizes(tensor) != expected {
            let found = &tensor.dims;
            return Err(Error::input(format!("input {slot} is {found:?}, not {expected:?}")));
        }
        floats(tensor)
    };
    let bias = optional(2, &[channels])?;
    let past_shape = [batch, channels, taps - 1];
    let past = optional(3, &past_shape)?;
    let (x, w) = (floats(input)?, floats(weight)?);
    let (mut output, mut present) = (Vec::new(), Vec::new());
    for plane in 0..batch * channels {
        let channel = plane % channels;
        let (past, x) = (&past[plane * (taps - 1)..], &x[plane * length..]);
        let whole = [&past[..taps - 1], &x[..length]].concat();
        let w = &w[channel * taps..][..taps];
        for window in whole.windows(taps) {
            let sum: f64 = window.iter().zip(w).map(|(x, w)| x * w).sum();
            output.push(activation(sum + bias[channel]));
        }
        present.extend_from_slice(&whole[length..]);
    }
    let output = of_floats(input.dtype, &input.dims, &output)?;
    let present = of_floats(input.dtype, &dims(&past_shape), &present)?;
    Ok(vec![output.into(), present.into()])
}

fn three(slot: usize, sizes: &[usize]) -> Result<[usize; 3]> {
    sizes.try_into().map_err(|_| {
        Error::input(format!("input {slot} is {sizes:?}: it has batch, channels and length"))
    })
}
