//! Task kinds: what is computed while the output is written.

pub(crate) mod linear;
pub(crate) mod phm;
pub(crate) mod vector;

use peftc_plugin::{Error, Result, TaskCall, TensorView};

/// The factors of `channels`: a constant times what the tensor has, one element or one for each.
fn factors(constant: f64, tensor: Option<&TensorView<'_>>, channels: usize) -> Result<Vec<f64>> {
    let scaling = match tensor {
        Some(tensor) => tensor.to_f32()?,
        None => vec![1.0],
    };
    let factor = |channel: usize| {
        let own = if scaling.len() == 1 { scaling.first() } else { scaling.get(channel) };
        own.map(|&own| constant * f64::from(own)).ok_or_else(wrong)
    };
    (0..channels).map(factor).collect()
}

fn wrong() -> Error {
    Error::invalid("the task was recorded with other sources or results")
}

fn fill(call: &mut TaskCall<'_>, values: &[f32]) -> Result<()> {
    let result = call.results.first_mut().ok_or_else(wrong)?;
    result.dtype.encode_f32(values, result.bytes)
}
