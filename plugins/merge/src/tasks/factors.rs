//! Task kind `factors`: what a method makes of changes, as B `[out, r]` and A `[r, in]`.

use super::region::Region;
use super::{Given, Params, put, wrong};
use peftc_delta::{Change, Factors, Rows};
use peftc_plugin::{Result, TaskCall};

/// Sources: the weight where a change depends on it; the matrices of the terms. Results: B and A, with zeros where the rank is smaller.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let (weight, matrices) = params.whole(&call.sources)?;
    let whole = |given: Given| whole(given, weight.as_ref());
    let changes = params.given(matrices)?.into_iter().map(whole).collect::<Result<_>>()?;
    let merged = params.method()?.with_module(&params.terms, changes, |module| module.merged())?;
    let (b, a) = (merged.factors.b(), merged.factors.a());
    let [of_b, of_a] = call.results.as_mut_slice() else { return Err(wrong()) };
    let rank = *of_b.dims.get(1).ok_or_else(wrong)? as usize;
    let row_of_b = |i: usize| (0..rank).map(move |k| b.row(i).get(k).copied().unwrap_or(0.0));
    put(of_b, (0..b.rows()).flat_map(row_of_b))?;
    let element = |k: usize, j: usize| if k < a.rows() { a.row(k)[j] } else { 0.0 };
    put(
        of_a,
        (0..rank).flat_map(|k| (0..a.columns()).map(move |j| (k, j))).map(|(k, j)| element(k, j)),
    )
}

/// The change as factors, DoRA's of full rank.
fn whole(given: Given, weight: Option<&Region>) -> Result<Change> {
    if given.scales.is_none() {
        return Ok(given.change);
    }
    let factors = Factors::of_matrix(given.delta(weight)?.dense());
    Ok(Change { factors, scale: 1.0 })
}
