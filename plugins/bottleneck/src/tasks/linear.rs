//! Task kind `linear`: a Linear's weight `[out, in]`, turned, each output scaled.

use super::{factors, fill, wrong};
use peftc_plugin::{Result, TaskCall};

/// Sources: the weight, and maybe the scaling. Parameters: a constant factor.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [constant] = call.numbers()?;
    let weight = call.sources.first().ok_or_else(wrong)?;
    let &[out, inputs] = weight.dims else { return Err(wrong()) };
    let (out, inputs) = (out as usize, inputs as usize);
    let factors = factors(constant, call.sources.get(1), out)?;
    let values = weight.to_f32()?;
    let mut turned = vec![0.0; values.len()];
    for (row, factor) in factors.iter().enumerate() {
        for column in 0..inputs {
            turned[column * out + row] = (f64::from(values[row * inputs + column]) * factor) as f32;
        }
    }
    fill(call, &turned)
}
