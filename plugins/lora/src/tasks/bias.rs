//! Task kind `bias`: a bias plus a scaled one, rounded once.

use super::views;
use peftc_plugin::{Result, TaskCall};

/// Parameter: the scale of the second source.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [scale] = call.numbers()?;
    let ([bias, delta], result) = views(call)?;
    let mut values = bias.to_f32()?;
    for (value, delta) in values.iter_mut().zip(delta.to_f32()?) {
        *value += scale as f32 * delta;
    }
    result.dtype.encode_f32(&values, result.bytes)
}
