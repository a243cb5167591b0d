//! Task kind `vector`: a vector, each element scaled.

use super::{factors, fill, wrong};
use peftc_plugin::{Result, TaskCall};

/// Sources: the vector, and maybe the scaling. Parameters: a constant factor.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [constant] = call.numbers()?;
    let mut values = call.sources.first().ok_or_else(wrong)?.to_f32()?;
    let factors = factors(constant, call.sources.get(1), values.len())?;
    for (value, factor) in values.iter_mut().zip(factors) {
        *value = (f64::from(*value) * factor) as f32;
    }
    fill(call, &values)
}
