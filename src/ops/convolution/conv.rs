//! Convolutions.

use super::window::{Window, kernel};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::Call;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{count, dims, filled, sizes};

/// Conv of the first three inputs.
pub(in crate::ops) fn conv(call: &Call<'_>) -> Result<Tensor> {
    let (x, w) = (call.input(0)?, call.input(1)?);
    let (mut y, shape) = convolve(call, &floats(x)?, &sizes(x), &floats(w)?, &sizes(w))?;
    if let Some(b) = call.optional(2)? {
        with_bias(&mut y, &shape, &floats(b)?)?;
    }
    of_floats(x.dtype, &dims(&shape), &y)
}

/// The convolution that the attributes describe, and its shape.
///
/// # Errors
/// The shapes do not fit.
pub(in crate::ops) fn convolve(
    call: &Call<'_>,
    x: &[f64],
    x_shape: &[usize],
    w: &[f64],
    w_shape: &[usize],
) -> Result<(Vec<f64>, Vec<usize>)> {
    let ([n, c, input @ ..], [m, own, weight @ ..]) = (x_shape, w_shape) else {
        return Err(Error::input(format!("shapes {x_shape:?} and {w_shape:?}: no channels")));
    };
    let group = group(call, *c, *m)?;
    if own.checked_mul(group) != Some(*c) {
        let message = format!("{c} channels in {group} groups for a weight of {own} channels");
        return Err(Error::input(message));
    }
    let window = Window::new(call, input, &kernel(call, Some(weight))?)?;
    let shape = [&[*n, *m], &window.output()[..]].concat();
    let mut y = filled(&shape, 0.0)?;
    let (x_plane, y_plane) = (count(input), count(&window.output()));
    let taps = window.size();
    if y.is_empty() {
        return Ok((y, shape));
    }
    for (at, tap) in window.taps().enumerate() {
        let pairs = window.pairs(&tap);
        for (plane, y) in y.chunks_mut(y_plane.max(1)).enumerate() {
            let (sample, feature) = (plane / m, plane % m);
            let first = feature / (m / group) * own;
            for channel in 0..*own {
                let w = w[(feature * own + channel) * taps + at];
                let x = &x[(sample * c + first + channel) * x_plane..][..x_plane];
                pairs.iter().for_each(|&(o, i)| y[o] += w * x[i]);
            }
        }
    }
    Ok((y, shape))
}

/// Adds a number to each channel of a result.
///
/// # Errors
/// There is not one for each.
pub(in crate::ops) fn with_bias(y: &mut [f64], shape: &[usize], bias: &[f64]) -> Result<()> {
    if shape.get(1) != Some(&bias.len()) {
        let message = format!("a bias of {} for a result of shape {shape:?}", bias.len());
        return Err(Error::input(message));
    }
    let plane = count(&shape[2..]).max(1);
    for (y, b) in y.chunks_mut(plane).zip(bias.iter().cycle()) {
        y.iter_mut().for_each(|y| *y += b);
    }
    Ok(())
}

/// The groups of channels, which divide both numbers of channels.
pub(super) fn group(call: &Call<'_>, channels: usize, features: usize) -> Result<usize> {
    let group = call.int("group")?;
    let known = usize::try_from(group).ok().filter(|&group| group > 0);
    let divides =
        |group: &usize| channels.is_multiple_of(*group) && features.is_multiple_of(*group);
    known.filter(divides).ok_or_else(|| {
        Error::input(format!("group {group} for {channels} channels and {features} features"))
    })
}
