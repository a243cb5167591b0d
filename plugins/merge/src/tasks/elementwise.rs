//! Task kinds of what is combined element by element: `bounds`, then `elementwise` for weights stored as
//! `[out, in]` and `elementwise-turned` for `[in, out]`, both by rows of ΔW.

use super::{Combined, Params, add, put, wrong};
use peftc_delta::{Bounds, Change, Combination, Elementwise, Factors, Rows};
use peftc_plugin::{Result, TaskCall, TensorView};

/// Sources: the matrices of the terms. Result: `[terms, 2]`, the least and the largest magnitude that is
/// kept of each.
pub(crate) fn bounds(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let combined = params.combined.as_ref().ok_or_else(wrong)?;
    let changes = params.changes(&call.sources)?;
    let deltas: Vec<Factors> = changes.iter().map(Change::delta).collect();
    let method = method(combined, &params, changes)?;
    let bounds = deltas.iter().map(|delta| method.sparsify.bounds(delta));
    let numbers = bounds.flat_map(|bounds| [bounds.from, bounds.to]).collect::<Vec<f64>>();
    put(call.results.first_mut().ok_or_else(wrong)?, numbers.into_iter())
}

/// Sources: the weight's region; the bounds; the matrices.
pub(crate) fn rows(call: &mut TaskCall<'_>) -> Result<()> {
    run(call, false)
}

/// As [`rows`], for a weight stored as `[in, out]`.
pub(crate) fn columns(call: &mut TaskCall<'_>) -> Result<()> {
    run(call, true)
}

fn run(call: &mut TaskCall<'_>, is_turned: bool) -> Result<()> {
    let params = Params::of(call.params)?;
    let combined = params.combined.as_ref().ok_or_else(wrong)?;
    let [weight, bounds, matrices @ ..] = call.sources.as_slice() else { return Err(wrong()) };
    let (weight, bounds) = (*weight, kept(bounds)?);
    let &[first, second] = weight.dims else { return Err(wrong()) };
    let (first, second) = (first as usize, second as usize);
    let changes = params.changes(matrices)?;
    let deltas: Vec<Factors> = changes.iter().map(Change::delta).collect();
    let method = method(combined, &params, changes)?;
    let weights = params.terms.iter().map(|term| combined.weights[term.adapter]);
    let terms: Vec<(f64, &Factors)> = weights.zip(&deltas).collect();
    let combination = Combination::with_bounds(method, &terms, &bounds);
    let (outputs, inputs) = if is_turned { (second, first) } else { (first, second) };
    let (mut delta, mut row) = (vec![0.0; first * second], vec![0.0; inputs]);
    for output in 0..outputs {
        combination.row(call.start as usize + output, &mut row);
        let scaled = row.iter().map(|x| (x / combined.factor) as f32);
        match is_turned {
            true => scaled.enumerate().for_each(|(input, x)| delta[input * second + output] = x),
            false => {
                let out = &mut delta[output * second..][..second];
                out.iter_mut().zip(scaled).for_each(|(out, x)| *out = x);
            }
        }
    }
    let mut out = std::mem::take(&mut call.results);
    add(call, &weight, &delta, out.first_mut().ok_or_else(wrong)?.bytes)
}

fn method(combined: &Combined, params: &Params, changes: Vec<Change>) -> Result<Elementwise> {
    let found = combined.with_module(params, changes, |module| module.elementwise())?;
    found.ok_or_else(wrong)
}

fn kept(view: &TensorView<'_>) -> Result<Vec<Bounds>> {
    let numbers = view.bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
    let numbers: Vec<f64> = numbers.collect();
    Ok(numbers.as_chunks::<2>().0.iter().map(|&[from, to]| Bounds { from, to }).collect())
}
