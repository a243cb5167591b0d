//! Task kind `branch`: the factors of all terms side by side, as a side branch has them.

use super::{Params, put, wrong};
use peftc_delta::Factors;
use peftc_plugin::{Result, TaskCall};

/// Sources: the matrices of the terms. Result: Aᵀ `[in, r]`, or (c·B)ᵀ `[r, out]` where `is_turned`.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let given = params.given(&call.sources)?;
    let deltas: Vec<Factors> = given.iter().map(|given| given.change.delta()).collect();
    let terms: Vec<(f64, &Factors)> = params.coefficients()?.iter().copied().zip(&deltas).collect();
    if terms.is_empty() {
        return Err(wrong());
    }
    let sum = Factors::sum(&terms);
    let turned = if params.is_turned { sum.b().transposed() } else { sum.a().transposed() };
    put(call.results.first_mut().ok_or_else(wrong)?, turned.elements().iter().copied())
}
