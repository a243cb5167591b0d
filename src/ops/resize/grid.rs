//! Sampling at places that a tensor says, and making such places.

use super::axis::Kernel;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::{choose, zero};
use crate::ops::numbers::{i64s, of_floats, of_reals, reals};
use crate::ops::shape::{count, dims, indices, room, sizes, strides};
use crate::ops::{Call, Value};

/// The normalized places of the elements of an axis; of a single one with aligned corners, 0.
fn normalized(size: usize, aligns_corners: bool) -> Vec<f64> {
    let n = size as f64;
    let place = |at: f64| match aligns_corners {
        true if size == 1 => 0.0,
        true => 2.0 * at / (n - 1.0) - 1.0,
        false => (2.0 * at + 1.0) / n - 1.0,
    };
    (0..size).map(|at| place(at as f64)).collect()
}

pub(super) fn affine(call: &Call<'_>) -> Result<Vec<Value>> {
    let theta = call.input(0)?;
    let size = i64s(call.input(1)?)?;
    let rank = size.len().saturating_sub(2);
    if !matches!(rank, 2 | 3) || theta.dims != [size[0], rank as i64, rank as i64 + 1] {
        let error = Error::input(format!("theta is {:?}, the size {size:?}", theta.dims));
        return Err(error.help("theta [N, 2, 3] of [N, C, H, W] or [N, 3, 4] of [N, C, D, H, W]"));
    }
    let shape: Vec<i64> =
        size[..1].iter().chain(&size[2..]).copied().chain([rank as i64]).collect();
    let spatial = room(&shape)?[1..=rank].to_vec();
    let aligns_corners = call.flag("align_corners")?;
    let places: Vec<Vec<f64>> =
        spatial.iter().map(|&size| normalized(size, aligns_corners)).collect();
    let mut grid = Vec::new();
    for matrix in reals(theta)?.chunks(rank * (rank + 1)) {
        for index in indices(&spatial) {
            // x comes first, and a 1 last.
            let place = index.iter().zip(&places).rev().map(|(&at, axis)| axis[at]);
            let place: Vec<f64> = place.chain([1.0]).collect();
            let row = |row: &[f64]| row.iter().zip(&place).map(|(a, b)| a * b).sum::<f64>();
            grid.extend(matrix.chunks(rank + 1).map(row));
        }
    }
    Ok(vec![of_floats(theta.dtype, &shape, &grid)?.into()])
}

#[derive(Clone, Copy, PartialEq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// Elements with their weights; none for a zero outside.
type Taps = Vec<(Option<usize>, f64)>;

/// How a grid is read.
struct Sampling {
    /// None for the nearest element.
    kernel: Option<Kernel>,
    padding: Padding,
    aligns_corners: bool,
}

impl Sampling {
    fn new(call: &Call<'_>) -> Result<Self> {
        let kernel = match call.string("mode")?.as_str() {
            "nearest" => None,
            "linear" | "bilinear" => Some(Kernel::Linear),
            "cubic" | "bicubic" => Some(Kernel::Cubic(-0.75)),
            other => {
                let error = Error::input(format!("mode is {other:?}"));
                return Err(error.help("nearest, linear and cubic are accepted"));
            }
        };
        let padding = match call.string("padding_mode")?.as_str() {
            "zeros" => Padding::Zeros,
            "border" => Padding::Border,
            "reflection" => Padding::Reflection,
            other => {
                let error = Error::input(format!("padding_mode is {other:?}"));
                return Err(error.help("zeros, border and reflection are accepted"));
            }
        };
        Ok(Self { kernel, padding, aligns_corners: call.flag("align_corners")? })
    }

    /// A place inside of the borders, or for zeros, anywhere.
    fn inside(&self, x: f64, size: usize) -> f64 {
        let last = size as f64 - 1.0;
        let edge = if self.aligns_corners { 0.0 } else { 0.5 };
        let (least, most) = (-edge, last + edge);
        match self.padding {
            Padding::Zeros => x,
            _ if (least..=most).contains(&x) => x,
            Padding::Border => x.clamp(0.0, last),
            Padding::Reflection => reflected(x, least, most),
        }
    }

    /// The elements of an axis with their weights at a normalized place; none for a zero outside.
    fn taps(&self, place: f64, size: usize) -> Taps {
        let n = size as f64;
        let x = match self.aligns_corners {
            true => (place + 1.0) / 2.0 * (n - 1.0),
            false => ((place + 1.0) * n - 1.0) / 2.0,
        };
        let Some(kernel) = self.kernel else {
            let x = self.inside(x.round_ties_even(), size);
            return vec![(self.element(x, size), 1.0)];
        };
        let x = self.inside(x, size);
        let first = x.floor();
        let steps = if kernel == Kernel::Linear { 0..=1 } else { -1..=2 };
        let tap = |step: i32| {
            let at = first + f64::from(step);
            (self.element(at, size), kernel.weight(at - x))
        };
        steps.map(tap).collect()
    }

    fn element(&self, at: f64, size: usize) -> Option<usize> {
        let last = size as f64 - 1.0;
        if self.padding == Padding::Zeros && !(0.0..=last).contains(&at) {
            return None;
        }
        Some((self.inside(at, size).clamp(0.0, last)) as usize)
    }
}

/// A place mirrored at the borders until it lies between them.
fn reflected(x: f64, least: f64, most: f64) -> f64 {
    let range = most - least;
    if range <= 0.0 {
        return least;
    }
    let beyond = (x - least).rem_euclid(2.0 * range);
    least + if beyond > range { 2.0 * range - beyond } else { beyond }
}

pub(super) fn sample(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, grid) = (call.input(0)?, call.input(1)?);
    let sampling = Sampling::new(call)?;
    let (own, places) = (sizes(x), sizes(grid));
    let rank = own.len().saturating_sub(2);
    if rank == 0 || places.len() != rank + 2 || places[0] != own[0] || places[rank + 1] != rank {
        let error = Error::input(format!("X is {own:?}, the grid {places:?}"));
        return Err(error.help("X [N, C, D1, ..., Dr], grid [N, O1, ..., Or, r]"));
    }
    let made: Vec<usize> = own[..2].iter().chain(&places[1..=rank]).copied().collect();
    room(&dims(&made))?;
    if count(&made) == 0 {
        return Ok(vec![choose(&[x], &made, std::iter::empty())?.into()]);
    }
    if own.contains(&0) {
        return Err(Error::input(format!("there is nothing in X {own:?} to sample")));
    }
    let each = match sampling.kernel {
        None => 1,
        Some(Kernel::Linear) => 2,
        Some(Kernel::Cubic(_)) => 4,
    };
    room(&[dims(&places), vec![each; rank]].concat())?;
    let taps: Vec<Taps> =
        reals(grid)?.chunks(rank).map(|place| taps(&sampling, place, &own[2..])).collect();
    let y = match sampling.kernel {
        None => nearest(x, &made, &taps)?,
        Some(_) => weighted(x, &made, &taps)?,
    };
    Ok(vec![y.into()])
}

/// The elements of all axes with their weights at a place, whose coordinates stand last axis first.
fn taps(sampling: &Sampling, place: &[f64], shape: &[usize]) -> Taps {
    let mut all = vec![(Some(0), 1.0)];
    let axes = shape.iter().zip(strides(shape)).zip(place.iter().rev());
    for ((&size, stride), &place) in axes {
        let own = sampling.taps(place, size);
        let both = |(start, weight): (Option<usize>, f64)| {
            own.iter()
                .map(move |&(at, own)| {
                    (start.zip(at).map(|(start, at)| start + at * stride), weight * own)
                })
                .collect::<Vec<_>>()
        };
        all = all.into_iter().flat_map(both).collect();
    }
    all
}

/// The taps of each place of the result, with the start of its channel in X.
fn channels<'t>(
    x: &Tensor,
    made: &[usize],
    taps: &'t [Taps],
) -> impl Iterator<Item = (usize, &'t Taps)> {
    let (own, points, count_of) = (count(&sizes(x)[2..]), count(&made[2..]), made[1]);
    (0..made[0] * count_of).flat_map(move |row| {
        taps[row / count_of * points..][..points].iter().map(move |taps| (row * own, taps))
    })
}

fn nearest(x: &Tensor, made: &[usize], taps: &[Taps]) -> Result<Tensor> {
    let places = channels(x, made, taps)
        .map(|(start, taps)| taps[0].0.map_or((1, 0), |place| (0, start + place)));
    choose(&[x, &zero(x.dtype)], made, places)
}

fn weighted(x: &Tensor, made: &[usize], taps: &[Taps]) -> Result<Tensor> {
    let numbers = reals(x)?;
    let value = |(start, taps): (usize, &Taps)| -> f64 {
        taps.iter().filter_map(|(place, weight)| Some(weight * numbers[start + (*place)?])).sum()
    };
    let values: Vec<f64> = channels(x, made, taps).map(value).collect();
    of_reals(x.dtype, &dims(made), &values)
}
