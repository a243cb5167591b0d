//! A body that runs over the elements of tensors along an axis.

use super::flow::{check, gathered};
use super::parts::{at, stack};
use crate::error::{Error, Result};
use crate::ir::{Graph, Tensor};
use crate::ops::elements::{choose, zero};
use crate::ops::numbers::i64s;
use crate::ops::shape::{axis, count, sizes};
use crate::ops::{Call, Value};

/// Tensors that are scanned together.
struct Scanned<'t> {
    /// Each with its axis, and whether it is read from its end.
    tensors: Vec<(&'t Tensor, usize, bool)>,
    length: usize,
}

impl<'t> Scanned<'t> {
    fn new(tensors: &[&'t Tensor], axes: &[i64], directions: &[i64]) -> Result<Self> {
        let one = |(at, tensor): (usize, &&'t Tensor)| {
            let axis = axis(axes.get(at).copied().unwrap_or(0), tensor.dims.len())?;
            Ok((*tensor, axis, directions.get(at).is_some_and(|&d| d == 1)))
        };
        let tensors: Vec<(&Tensor, usize, bool)> =
            tensors.iter().enumerate().map(one).collect::<Result<_>>()?;
        let lengths: Vec<i64> =
            tensors.iter().map(|(tensor, axis, _)| tensor.dims[*axis]).collect();
        if lengths.iter().any(|length| *length != lengths[0]) {
            return Err(Error::input(format!("the scanned axes have the sizes {lengths:?}")));
        }
        let length = lengths.first().map_or(0, |&length| length as usize);
        Ok(Self { tensors, length })
    }

    /// What is scanned in a round of `rounds`.
    fn elements(&self, round: usize, rounds: usize) -> Result<Vec<Value>> {
        let one = |&(tensor, axis, is_reverse): &(&Tensor, usize, bool)| {
            let index = if is_reverse { rounds - 1 - round } else { round };
            at(tensor, axis, index).map(Value::from)
        };
        self.tensors.iter().map(one).collect()
    }
}

/// The last states, and what each other output of the body was in each round.
fn run(
    call: &Call<'_>,
    body: &Graph,
    mut states: Vec<Value>,
    scanned: &Scanned<'_>,
    rounds: usize,
) -> Result<(Vec<Value>, Vec<Vec<Value>>)> {
    let count = states.len();
    let mut made: Vec<Vec<Value>> = vec![Vec::new(); body.outputs().len() - count];
    for round in 0..rounds {
        states.extend(scanned.elements(round, rounds)?);
        let mut outputs = (call.run_graph)(body, states)?.into_iter();
        states = outputs.by_ref().take(count).collect();
        made.iter_mut().zip(outputs).for_each(|(all, one)| all.push(one));
    }
    Ok((states, made))
}

pub(super) fn scan(call: &Call<'_>) -> Result<Vec<Value>> {
    let body = call.graph("body")?;
    let is_batched = call.since() < 9;
    let inputs: Vec<&Value> = (usize::from(is_batched)..call.inputs.len())
        .map(|slot| call.value(slot))
        .collect::<Result<_>>()?;
    let scans = call.int("num_scan_inputs")?;
    let first = usize::try_from(scans).ok().filter(|&n| n > 0);
    let first = first.and_then(|scans| inputs.len().checked_sub(scans)).ok_or_else(|| {
        Error::input(format!("num_scan_inputs is {scans} of {} inputs", inputs.len()))
    })?;
    check(body, inputs.len(), first)?;
    let (states, scanned) = inputs.split_at(first);
    let scanned: Vec<&Tensor> =
        scanned.iter().map(|value| value.tensor()).collect::<Result<_>>()?;
    if is_batched {
        return batched(call, body, states, &scanned);
    }
    let list = |name: &str| Ok::<_, Error>(call.ints(name)?.unwrap_or_default());
    let scanned =
        Scanned::new(&scanned, &list("scan_input_axes")?, &list("scan_input_directions")?)?;
    let states = states.iter().map(|&state| state.clone()).collect();
    let (mut outputs, mut made) = run(call, body, states, &scanned, scanned.length)?;
    let (axes, directions) = (list("scan_output_axes")?, list("scan_output_directions")?);
    for (slot, all) in made.iter_mut().enumerate() {
        if directions.get(slot).is_some_and(|&d| d == 1) {
            all.reverse();
        }
        let axis = axes.get(slot).copied().unwrap_or(0);
        outputs.push(gathered(body, first + slot, all, axis)?.into());
    }
    Ok(outputs)
}

/// Version 8: all tensors have an axis of batches, then that of the sequences, whose lengths may differ.
fn batched(
    call: &Call<'_>,
    body: &Graph,
    states: &[&Value],
    scanned: &[&Tensor],
) -> Result<Vec<Value>> {
    let states: Vec<&Tensor> = states.iter().map(|value| value.tensor()).collect::<Result<_>>()?;
    let batches: Vec<Option<i64>> =
        states.iter().chain(scanned).map(|tensor| tensor.dims.first().copied()).collect();
    let batch = match batches.first().copied().flatten() {
        Some(batch) if batches.iter().all(|other| *other == Some(batch)) => batch as usize,
        _ => return Err(Error::input(format!("the sizes of the batches are {batches:?}"))),
    };
    let lengths = call.optional(0)?.map(i64s).transpose()?;
    let directions = call.ints("directions")?.unwrap_or_default();
    let mut all: Vec<Vec<Tensor>> = vec![Vec::new(); body.outputs().len()];
    for index in 0..batch {
        let own: Vec<Tensor> = scanned.iter().map(|t| at(t, 0, index)).collect::<Result<_>>()?;
        let scanned = Scanned::new(&own.iter().collect::<Vec<_>>(), &[], &directions)?;
        let rounds = rounds(lengths.as_deref(), index, scanned.length)?;
        let states: Vec<Value> =
            states.iter().map(|t| at(t, 0, index).map(Value::from)).collect::<Result<_>>()?;
        let first = states.len();
        let (states, made) = run(call, body, states, &scanned, rounds)?;
        let (of_states, of_scans) = all.split_at_mut(first);
        for (all, state) in of_states.iter_mut().zip(&states) {
            all.push(state.tensor()?.clone());
        }
        for (slot, (all, made)) in of_scans.iter_mut().zip(&made).enumerate() {
            all.push(padded(&gathered(body, first + slot, made, 0)?, scanned.length)?);
        }
    }
    let one = |all: Vec<Tensor>| stack(&all.iter().collect::<Vec<_>>(), 0).map(Value::from);
    all.into_iter().map(one).collect()
}

/// How long a sequence of the batch is.
fn rounds(lengths: Option<&[i64]>, index: usize, longest: usize) -> Result<usize> {
    let Some(lengths) = lengths else { return Ok(longest) };
    let length = lengths.get(index).and_then(|&length| usize::try_from(length).ok());
    length.filter(|&length| length <= longest).ok_or_else(|| {
        Error::input(format!("sequence_lens are {lengths:?}, sequences have {longest} elements"))
    })
}

/// A tensor with zeros behind it along the first axis.
fn padded(tensor: &Tensor, length: usize) -> Result<Tensor> {
    let mut shape = sizes(tensor);
    let own = count(&shape);
    shape[0] = length;
    let places = (0..count(&shape)).map(|at| if at < own { (0, at) } else { (1, 0) });
    choose(&[tensor, &zero(tensor.dtype)], &shape, places)
}
