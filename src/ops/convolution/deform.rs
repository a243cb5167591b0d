//! Deformable convolutions (Zhu et al., "Deformable ConvNets v2", arXiv 1811.11168).

use super::conv::{group, with_bias};
use super::window::{Window, image, kernel};
use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{count, dims, filled, indices, sizes};
use crate::ops::{Call, Value};

pub(super) fn conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, w) = (floats(call.input(0)?)?, floats(call.input(1)?)?);
    let ([n, c], input) = image(call, 0)?;
    let ([m, own], weight) = image(call, 1)?;
    let group = group(call, c, m)?;
    if own.checked_mul(group) != Some(c) {
        let message = format!("{c} channels in {group} groups for a weight of {own} channels");
        return Err(Error::input(message));
    }
    let sampling = Sampling::new(call, &input, &weight, [n, c])?;
    let shape = [&[n, m], &sampling.window.output()[..]].concat();
    let mut y = filled(&shape, 0.0)?;
    let (x_plane, y_plane) = (count(&input), sampling.outputs);
    let taps = sampling.window.size();
    let every = |sample| sampling.window.taps().enumerate().map(move |tap| (sample, tap));
    for (sample, (at, tap)) in (0..n).flat_map(every) {
        let mut corners = Vec::new();
        for channel in 0..c {
            if channel % (c / sampling.groups) == 0 {
                corners = sampling.corners(sample, channel / (c / sampling.groups), at, &tap);
            }
            let x = &x[(sample * c + channel) * x_plane..][..x_plane];
            let sum = |corners: &Vec<(usize, f64)>| corners.iter().map(|(i, a)| a * x[*i]).sum();
            let column: Vec<f64> = corners.iter().map(sum).collect();
            let first = channel / own * (m / group);
            for feature in first..first + m / group {
                let w = w[(feature * own + channel % own) * taps + at];
                let y = &mut y[(sample * m + feature) * y_plane..][..y_plane];
                y.iter_mut().zip(&column).for_each(|(y, x)| *y += w * x);
            }
        }
    }
    if let Some(b) = call.optional(3)? {
        with_bias(&mut y, &shape, &floats(b)?)?;
    }
    Ok(vec![of_floats(call.input(0)?.dtype, &dims(&shape), &y)?.into()])
}

/// Where the input is read, and with which weight.
struct Sampling {
    window: Window,
    /// Groups of channels that are read at the same points.
    groups: usize,
    outputs: usize,
    offset: Vec<f64>,
    mask: Option<Vec<f64>>,
}

impl Sampling {
    fn new(call: &Call<'_>, input: &[usize], weight: &[usize], [n, c]: [usize; 2]) -> Result<Self> {
        let window = Window::new(call, input, &kernel(call, Some(weight))?)?;
        let groups = call.int("offset_group")?;
        let known = usize::try_from(groups).ok().filter(|&groups| groups > 0 && c % groups == 0);
        let groups = known
            .ok_or_else(|| Error::input(format!("offset_group is {groups} for {c} channels")))?;
        let output = window.output();
        let read = |slot: usize, each: usize| {
            let Some(tensor) = call.optional(slot)? else { return Ok(None) };
            let channels = groups.saturating_mul(window.size()).saturating_mul(each);
            let expected = [&[n, channels], &output[..]].concat();
            if sizes(tensor) != expected {
                let found = &tensor.dims;
                return Err(Error::input(format!("input {slot} is {found:?}, not {expected:?}")));
            }
            floats(tensor).map(Some)
        };
        call.input(2)?;
        let offset = read(2, input.len())?.unwrap_or_default();
        Ok(Self { groups, outputs: count(&output), offset, mask: read(4, 1)?, window })
    }

    /// For each output the places in a plane that are read, and with which weight.
    fn corners(
        &self,
        sample: usize,
        group: usize,
        at: usize,
        tap: &[usize],
    ) -> Vec<Vec<(usize, f64)>> {
        let axes = &self.window.axes;
        let own = (sample * self.groups + group) * self.window.size() + at;
        let corners = |(o, index): (usize, Vec<usize>)| {
            let point: Vec<f64> = axes
                .iter()
                .enumerate()
                .map(|(n, axis)| {
                    let place = index[n] as i128 * axis.stride + tap[n] as i128 * axis.dilation;
                    let offset = self.offset[(own * axes.len() + n) * self.outputs + o];
                    (place - axis.begin) as f64 + offset
                })
                .collect();
            let weight = self.mask.as_ref().map_or(1.0, |mask| mask[own * self.outputs + o]);
            let input = axes.iter().map(|axis| axis.input);
            linear(weight, point.into_iter().zip(input))
        };
        indices(&self.window.output()).enumerate().map(corners).collect()
    }
}

/// The places around a point that lie in a plane, with their weights in linear interpolation.
fn linear(weight: f64, point: impl Iterator<Item = (f64, usize)>) -> Vec<(usize, f64)> {
    let mut corners = vec![(0, weight)];
    for (at, size) in point {
        let low = at.floor();
        let near = [(low, 1.0 - (at - low)), (low + 1.0, at - low)];
        let is_in =
            |(place, weight): &(f64, f64)| *place >= 0.0 && *place < size as f64 && *weight != 0.0;
        let near: Vec<(f64, f64)> = near.into_iter().filter(is_in).collect();
        let next = |&(place, weight): &(usize, f64)| {
            near.iter().map(move |(at, part)| (place * size + *at as usize, weight * part))
        };
        corners = corners.iter().flat_map(next).collect();
    }
    corners
}
