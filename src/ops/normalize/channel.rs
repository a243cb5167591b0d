//! With a scale and a bias of each channel.

use super::moments;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::rows::Rows;
use crate::ops::shape::{count, sizes};
use crate::ops::{Call, Value};

/// Scale and bias of channels.
struct Parameters {
    scale: Vec<f64>,
    bias: Vec<f64>,
    epsilon: f64,
}

impl Parameters {
    fn of(call: &Call<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            scale: parameter(call, 1, channels)?,
            bias: parameter(call, 2, channels)?,
            epsilon: call.float("epsilon")?,
        })
    }

    fn normal(&self, channel: usize, x: f64, (mean, variance): (f64, f64)) -> f64 {
        self.scale[channel] * (x - mean) / (variance + self.epsilon).sqrt() + self.bias[channel]
    }
}

/// A number of each channel.
fn parameter(call: &Call<'_>, slot: usize, channels: usize) -> Result<Vec<f64>> {
    let tensor = call.input(slot)?;
    let parameter = floats(tensor).map_err(|e| e.within(format!("input {slot}")))?;
    match parameter.len() == channels {
        true => Ok(parameter),
        false => Err(Error::input(format!(
            "input {slot} is {}, and there are {channels} channels",
            tensor.ty()
        ))),
    }
}

/// Ioffe and Szegedy, 2015: by the statistics of each channel, which are given, or in training those of
/// the input. The outputs are the result, running means and variances, and before operator set 14 those
/// of the input. Before operator set 9 a channel may be each place behind the first axis.
pub(super) fn batch(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let is_spatial = call.schema.attribute("spatial").is_none() || call.flag("spatial")?;
    let along: Vec<usize> = match (shape.len(), is_spatial) {
        (0, _) => return Err(Error::input("the input has no axes")),
        (_, false) => vec![0],
        (rank, true) => (0..rank).filter(|&axis| axis != 1).collect(),
    };
    let rows = Rows::along(&along, &shape);
    let parameters = Parameters::of(call, rows.count)?;
    let given: Vec<(f64, f64)> =
        parameter(call, 3, rows.count)?.into_iter().zip(parameter(call, 4, rows.count)?).collect();
    let mut y = floats(x)?;
    let own = if is_training(call)? { rows.each(&y, moments) } else { given.clone() };
    rows.change(&mut y, |channel, row| {
        row.iter_mut().for_each(|x| *x = parameters.normal(channel, *x, own[channel]));
    });
    let momentum = call.float("momentum")?;
    let mixed = |given: f64, own: f64| given * momentum + own * (1.0 - momentum);
    let mix =
        |(given, own): (&(f64, f64), &(f64, f64))| (mixed(given.0, own.0), mixed(given.1, own.1));
    let running: Vec<(f64, f64)> = given.iter().zip(&own).map(mix).collect();
    let mut outputs = vec![of_floats(x.dtype, &x.dims, &y)?.into()];
    for statistics in [running, own] {
        let (means, variances): (Vec<f64>, Vec<f64>) = statistics.into_iter().unzip();
        for (like, floats) in [(call.input(3)?, means), (call.input(4)?, variances)] {
            outputs.push(of_floats(like.dtype, &like.dims, &floats)?.into());
        }
    }
    Ok(outputs)
}

/// Before operator set 14 the outputs say so.
fn is_training(call: &Call<'_>) -> Result<bool> {
    match call.since() {
        ..7 => Ok(call.outputs > 1 && !call.flag("is_test")?),
        7..14 => Ok(call.outputs > 1),
        _ => call.flag("training_mode"),
    }
}

/// Ulyanov et al., 2016.
pub(super) fn instance(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let channels = channels(x)?;
    grouped(x, channels, &Parameters::of(call, channels)?)
}

/// Wu and He, 2018. Scale and bias are those of channels, before operator set 21 of groups.
pub(super) fn group(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (channels, groups) = (channels(x)?, call.int("num_groups")?);
    let groups = match usize::try_from(groups) {
        // Of no channels any number of groups has no elements.
        Ok(groups @ 1..) if channels % groups == 0 => groups.min(channels.max(1)),
        _ => return Err(Error::input(format!("{channels} channels are no {groups} groups"))),
    };
    let mut parameters = Parameters::of(call, if call.since() < 21 { groups } else { channels })?;
    if call.since() < 21 {
        let spread = |of_groups: &[f64]| {
            (0..channels).map(|channel| of_groups[channel / (channels / groups)]).collect()
        };
        parameters.scale = spread(&parameters.scale);
        parameters.bias = spread(&parameters.bias);
    }
    grouped(x, groups, &parameters)
}

fn channels(x: &Tensor) -> Result<usize> {
    match sizes(x).as_slice() {
        [_, channels, ..] => Ok(*channels),
        _ => Err(Error::input(format!("input is {}: it has no axis of channels", x.ty()))),
    }
}

/// By the statistics of each group of channels of each instance.
fn grouped(x: &Tensor, groups: usize, parameters: &Parameters) -> Result<Vec<Value>> {
    let shape = sizes(x);
    let (each, inner) = (parameters.scale.len() / groups.max(1), count(&shape[2..]));
    let mut y = floats(x)?;
    Rows::along(&[2, 3], &[shape[0], groups, each, inner]).change(&mut y, |row, elements| {
        let moments = moments(elements);
        for (at, x) in elements.iter_mut().enumerate() {
            let channel = row % groups * each + at / inner;
            *x = parameters.normal(channel, *x, moments);
        }
    });
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into()])
}
