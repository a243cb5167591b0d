//! Along axes, without parameters of channels.

use super::moments;
use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::rows::Rows;
use crate::ops::shape::{axes, axis, sizes};
use crate::ops::{Call, Value};

/// Changes the rows of the input along axes.
fn change(call: &Call<'_>, axes: &[usize], f: impl Fn(&mut [f64])) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let mut y = floats(x)?;
    Rows::along(axes, &sizes(x)).change(&mut y, |_, row| f(row));
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into()])
}

/// Rows of norm 1; those of norm 0 stay.
pub(super) fn lp(call: &Call<'_>) -> Result<Vec<Value>> {
    let norm: fn(&[f64]) -> f64 = match call.int("p")? {
        1 => |row| row.iter().map(|x| x.abs()).sum(),
        2 => |row| row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        p => return Err(Error::input(format!("p is {p}: 1 and 2 are known"))),
    };
    let along = axis(call.int("axis")?, call.input(0)?.dims.len())?;
    change(call, &[along], |row| {
        let norm = norm(row);
        if norm != 0.0 {
            row.iter_mut().for_each(|x| *x /= norm);
        }
    })
}

/// As the function that ONNX gives: the divisor is the deviation and a billionth, and no axes are all.
pub(super) fn mean_variance(call: &Call<'_>) -> Result<Vec<Value>> {
    let rank = call.input(0)?.dims.len();
    let axes = match call.ints("axes")?.unwrap_or_default().as_slice() {
        [] => (0..rank).collect(),
        list => axes(list, rank)?,
    };
    change(call, &axes, |row| {
        let (mean, variance) = moments(row);
        row.iter_mut().for_each(|x| *x = (*x - mean) / (variance.sqrt() + 1e-9));
    })
}

/// Krizhevsky et al., 2012: by the squares of the channels around each.
pub(super) fn local_response(call: &Call<'_>) -> Result<Vec<Value>> {
    let (alpha, beta, bias) = (call.float("alpha")?, call.float("beta")?, call.float("bias")?);
    let size = call.int("size")?;
    let around = usize::try_from(size).ok().filter(|&size| size > 0);
    let around = around.ok_or_else(|| Error::input(format!("size is {size}, not above 0")))?;
    let (before, after) = ((around - 1) / 2, around / 2);
    let along = axis(1, call.input(0)?.dims.len())?;
    change(call, &[along], |row| {
        let squares: Vec<f64> = row.iter().map(|x| x * x).collect();
        for (at, x) in row.iter_mut().enumerate() {
            let region = at.saturating_sub(before)..=(at + after).min(squares.len() - 1);
            let sum: f64 = squares[region].iter().sum();
            *x /= (bias + alpha / size as f64 * sum).powf(beta);
        }
    })
}
