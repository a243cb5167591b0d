//! Task kinds of what is combined element by element: `bounds`, then `elementwise` for weights stored as
//! `[out, in]` and `elementwise-turned` for `[in, out]`, both by rows of ΔW.

use super::region::Region;
use super::{Delta, Params, add, f64s, put, wrong};
use peftc_delta::{Bounds, Combination, Elementwise, Rows};
use peftc_plugin::{Result, TaskCall, TensorView};

/// Sources: the weight where a change depends on it; the matrices of the terms. Result: `[terms, 2]`,
/// the least and the largest magnitude that is kept of each.
pub(crate) fn bounds(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let (weight, matrices) = params.whole(&call.sources)?;
    let method = method(&params)?;
    let bounds = params.given(matrices)?.into_iter().map(|given| {
        let bounds = method.sparsify.bounds(&given.delta(weight.as_ref())?);
        Ok([bounds.from, bounds.to])
    });
    let numbers = bounds.collect::<Result<Vec<_>>>()?;
    put(call.results.first_mut().ok_or_else(wrong)?, numbers.into_iter().flatten())
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
    let [weight, bounds, matrices @ ..] = call.sources.as_slice() else { return Err(wrong()) };
    let (weight, bounds) = (*weight, kept(bounds));
    let &[first, second] = weight.dims else { return Err(wrong()) };
    let (first, second) = (first as usize, second as usize);
    let given = params.given(matrices)?;
    let whole = given.first().ok_or_else(wrong)?.change.factors.shape().0;
    let start = call.start as usize;
    let region = match params.has_dora() {
        true => Some(Region::of(&weight, &params, start, whole)?),
        false => None,
    };
    let deltas: Vec<Delta<'_>> =
        given.into_iter().map(|given| given.delta(region.as_ref())).collect::<Result<_>>()?;
    let weights = &params.method()?.weights;
    let weights = params.terms.iter().map(|term| weights[term.adapter]);
    let terms: Vec<(f64, &Delta<'_>)> = weights.zip(&deltas).collect();
    let combination = Combination::with_bounds(method(&params)?, &terms, &bounds);
    let (outputs, inputs) = if is_turned { (second, first) } else { (first, second) };
    let (mut delta, mut row) = (vec![0.0; first * second], vec![0.0; inputs]);
    for output in 0..outputs {
        combination.row(start + output, &mut row);
        let scaled = row.iter().map(|x| (x / params.factor) as f32);
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

fn method(params: &Params) -> Result<Elementwise> {
    let found = params.method()?.with_module(&[], Vec::new(), |module| module.elementwise())?;
    found.ok_or_else(wrong)
}

fn kept(view: &TensorView<'_>) -> Vec<Bounds> {
    let numbers = f64s(view);
    numbers.as_chunks::<2>().0.iter().map(|&[from, to]| Bounds { from, to }).collect()
}
