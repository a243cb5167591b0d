//! Task kind `scales`: DoRA's factor of each output, m/‖W + s·B·A‖.

use super::region::Region;
use super::{Params, put, wrong};
use peftc_delta::dora;
use peftc_plugin::{Error, Result, TaskCall};

/// Sources: the weight's region; the matrices of the term; its magnitudes. Result: `[outputs]`.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let ([weight, matrices @ .., magnitudes], [term]) =
        (call.sources.as_slice(), params.terms.as_slice())
    else {
        return Err(wrong());
    };
    let change = term.change(matrices)?.delta();
    let region = Region::of(weight, &params, call.start as usize, change.shape().0)?;
    let magnitudes: Vec<f64> = magnitudes.to_f32()?.into_iter().map(f64::from).collect();
    let scales = dora::scales(&region, &change, &magnitudes, region.outputs())
        .map_err(|e| Error::invalid(e.to_string()))?;
    put(call.results.first_mut().ok_or_else(wrong)?, scales.into_iter())
}
