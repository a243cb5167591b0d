//! Of one input.

use crate::error::Result;
use crate::ops::numbers::{bools, floats, integers, is_float, of_bools, of_floats, of_integers};
use crate::ops::{Call, Value};

/// A function of floats.
pub(crate) fn float(call: &Call<'_>, f: impl Fn(f64) -> f64) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let y: Vec<f64> = floats(x)?.into_iter().map(f).collect();
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into()])
}

/// A function of integers.
pub(super) fn integer(call: &Call<'_>, f: impl Fn(i128) -> i128) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let y: Vec<i128> = integers(x)?.into_iter().map(f).collect();
    Ok(vec![of_integers(x.dtype, &x.dims, &y)?.into()])
}

/// A function of floats, or of integers.
pub(crate) fn both(
    call: &Call<'_>,
    f: impl Fn(f64) -> f64,
    g: impl Fn(i128) -> i128,
) -> Result<Vec<Value>> {
    if is_float(call.input(0)?.dtype) { float(call, f) } else { integer(call, g) }
}

/// A question about floats.
pub(super) fn test(call: &Call<'_>, f: impl Fn(f64) -> bool) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let y: Vec<bool> = floats(x)?.into_iter().map(f).collect();
    Ok(vec![of_bools(&x.dims, &y).into()])
}

pub(super) fn identity(call: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![call.value(0)?.clone()])
}

pub(super) fn is_inf(call: &Call<'_>) -> Result<Vec<Value>> {
    let (negative, positive) = (call.flag("detect_negative")?, call.flag("detect_positive")?);
    test(call, |x| x.is_infinite() && if x < 0.0 { negative } else { positive })
}

pub(super) fn not(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let y: Vec<bool> = bools(x)?.into_iter().map(|x| !x).collect();
    Ok(vec![of_bools(&x.dims, &y).into()])
}

/// −1, 0 or 1; of NaN NaN.
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
