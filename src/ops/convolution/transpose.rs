//! Transposed convolutions: each input is spread over a window of the output.

use super::conv::{group, with_bias};
use super::window::{AutoPad, Axis, Window, image, kernel, rank_of, spatial};
use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{count, dims, filled, room};
use crate::ops::{Call, Value};

pub(super) fn conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let dtype = call.input(0)?.dtype;
    let (x, w) = (floats(call.input(0)?)?, floats(call.input(1)?)?);
    let ([n, c], input) = image(call, 0)?;
    let ([rows, own], weight) = image(call, 1)?;
    let group = group(call, c, 0)?;
    let m = own.checked_mul(group).filter(|_| rows == c);
    let m = m.ok_or_else(|| Error::input(format!("{c} channels for a weight of {rows}")))?;
    let window = window(call, &input, &kernel(call, Some(&weight))?)?;
    let output: Vec<usize> = window.axes.iter().map(|axis| axis.input).collect();
    let shape = [&[n, m], &output[..]].concat();
    room(&dims(&shape))?;
    let mut y = filled(&shape, 0.0)?;
    let (x_plane, y_plane) = (count(&input), count(&output));
    let taps = window.size();
    for (at, tap) in window.taps().enumerate() {
        let pairs = window.pairs(&tap);
        for (plane, y) in y.chunks_mut(y_plane.max(1)).enumerate() {
            let (sample, feature) = (plane / m, plane % m);
            let first = feature / own * (c / group);
            for channel in first..first + c / group {
                let w = w[(channel * own + feature % own) * taps + at];
                let x = &x[(sample * c + channel) * x_plane..][..x_plane];
                pairs.iter().for_each(|&(i, o)| y[o] += w * x[i]);
            }
        }
    }
    if let Some(b) = call.optional(2)? {
        with_bias(&mut y, &shape, &floats(b)?)?;
    }
    Ok(vec![of_floats(dtype, &dims(&shape), &y)?.into()])
}

/// The window that slides over the result, from which the input would come.
fn window(call: &Call<'_>, input: &[usize], kernel: &[usize]) -> Result<Window> {
    let rank = rank_of(kernel, input)?;
    let strides = spatial(call, "strides", rank, 1)?;
    let dilations = spatial(call, "dilations", rank, 1)?;
    let pads = spatial(call, "pads", 2 * rank, 0)?;
    let more = spatial(call, "output_padding", rank, 0)?;
    let wanted = match call.has("output_shape") {
        true => Some(spatial(call, "output_shape", rank, 0)?),
        false => None,
    };
    let padding = AutoPad::of(call)?;
    let axis = |at: usize| {
        let mut axis = Axis {
            input: 0,
            output: input[at],
            kernel: kernel[at],
            stride: strides[at],
            dilation: dilations[at],
            begin: pads[at],
            end: pads[rank + at],
        };
        let whole = axis.stride * (input[at] as i128 - 1) + more[at] + axis.extent();
        match (&wanted, padding) {
            (Some(wanted), _) => {
                let upper = matches!(padding, AutoPad::Same { upper: true });
                axis.pad((whole - wanted[at]).max(0), upper);
            }
            (None, AutoPad::Same { upper }) => {
                axis.pad((whole - input[at] as i128 * axis.stride).max(0), upper);
            }
            (None, AutoPad::Valid) => axis.pad(0, true),
            (None, AutoPad::NotSet) => {}
        }
        let size = wanted.as_ref().map_or(whole - axis.begin - axis.end, |wanted| wanted[at]);
        axis.input = usize::try_from(size).map_err(|_| {
            Error::input(format!("spatial axis {at} of the result has size {size}"))
        })?;
        Ok(axis)
    };
    Ok(Window { axes: (0..rank).map(axis).collect::<Result<_>>()? })
}
