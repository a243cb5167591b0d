//! Task kind `copy`: the bytes of a tensor as they are, under another type or shape.

use super::finite;
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorView};

/// Source: a whole tensor. Result: as many bytes, which begin with the same ones. Those of float32
/// are magnitudes, which must be finite.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let (start, steps) = (call.start as usize, (call.end - call.start) as usize);
    let (&[source], [result]) = (call.sources.as_slice(), call.results.as_mut_slice()) else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let first = start * (result.bytes.len() / steps.max(1));
    let bytes = source.bytes.get(first..first + result.bytes.len());
    let bytes = bytes.ok_or_else(|| Error::invalid("the source is shorter than the result"))?;
    if result.dtype == DataType::F32 {
        finite(&TensorView { dtype: DataType::F32, dims: result.dims, bytes }.to_f32()?)?;
    }
    result.bytes.copy_from_slice(bytes);
    Ok(())
}
