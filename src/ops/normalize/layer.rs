//! Over the last axes, with a scale of each of their elements.

use super::moments;
use crate::error::{Error, Result};
use crate::ops::numbers::{floats, is_float, of_floats};
use crate::ops::rows::Rows;
use crate::ops::shape::{axis, dims, sizes, spread};
use crate::ops::{Call, Value};

/// Ba et al., 2016: also means and inverse deviations.
pub(super) fn layer(call: &Call<'_>) -> Result<Vec<Value>> {
    normalized(call, moments).map(Vec::from)
}

/// Zhang and Sennrich, 2019: also the inverses of the root mean squares.
pub(super) fn root_mean_square(call: &Call<'_>) -> Result<Vec<Value>> {
    let square = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    let [y, _, inverse] = normalized(call, |row| (0.0, square(row)))?;
    Ok(vec![y, inverse])
}

/// The input by means and variances, and these: means and inverse deviations.
fn normalized(call: &Call<'_>, moments: impl Fn(&[f64]) -> (f64, f64)) -> Result<[Value; 3]> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let shape = sizes(x);
    let first = axis(call.int("axis")?, shape.len())?;
    let rows = Rows::along(&(first..shape.len()).collect::<Vec<_>>(), &shape);
    let epsilon = call.float("epsilon")?;
    let mut y = floats(x)?;
    let (means, inverses): (Vec<f64>, Vec<f64>) = rows
        .each(&y, moments)
        .into_iter()
        .map(|(mean, variance)| (mean, (variance + epsilon).sqrt().recip()))
        .unzip();
    rows.change(&mut y, |row, elements| {
        elements.iter_mut().for_each(|x| *x = (*x - means[row]) * inverses[row]);
    });
    let spread = |tensor| spread(&floats(tensor)?, &sizes(tensor), &shape);
    y.iter_mut().zip(spread(scale)?).for_each(|(y, scale)| *y *= scale);
    if let Some(bias) = call.optional(2)? {
        y.iter_mut().zip(spread(bias)?).for_each(|(y, bias)| *y += bias);
    }
    let stash = call.dtype("stash_type")?;
    if !is_float(stash) {
        return Err(Error::input(format!("stash_type is {stash}, no type of floats")));
    }
    let mut reduced = shape;
    reduced[first..].fill(1);
    let statistics = |floats: &[f64]| of_floats(stash, &dims(&reduced), floats).map(Value::from);
    let y = of_floats(scale.dtype, &x.dims, &y)?;
    Ok([y.into(), statistics(&means)?, statistics(&inverses)?])
}
