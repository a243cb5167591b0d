//! Windows that are sums of cosines.

use super::integer;
use crate::error::{Error, Result};
use crate::ops::numbers::of_reals;
use crate::ops::shape::room;
use crate::ops::{Call, Value};
use std::f64::consts::TAU;

/// The sum of `factors[k]` times the cosine of k turns. A symmetric window of one element is 1.
pub(super) fn cosines(call: &Call<'_>, factors: &[f64]) -> Result<Vec<Value>> {
    let size = integer(call, 0)?.ok_or_else(|| Error::input("the size is missing"))?;
    let count = room(&[size])?[0];
    let period = if call.flag("periodic")? { count } else { count.saturating_sub(1) };
    let element = |at: usize| -> f64 {
        if period == 0 {
            return 1.0;
        }
        let turn = |k: usize| (TAU * (k * at % period) as f64 / period as f64).cos();
        factors.iter().enumerate().map(|(k, factor)| factor * turn(k)).sum()
    };
    let window: Vec<f64> = (0..count).map(element).collect();
    Ok(vec![of_reals(call.dtype("output_datatype")?, &[size], &window)?.into()])
}
