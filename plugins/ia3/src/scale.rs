//! Task kinds `scale` and `ones`: a weight times scales, and scales that change nothing.

use peftc_plugin::{Error, Result, TaskCall};

/// Parameter: the axis of the tensor that the scales run along.
/// Sources: a weight's or a bias's region; scales, whole. Result: the product, in float32, rounded
/// once to the tensor's type.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let wrong = || Error::invalid("the task was recorded with other sources or results");
    let [axis] = call.words()?.map(u64::from_le_bytes);
    let axis = axis as usize;
    let (&[tensor, scales], [result]) = (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(wrong());
    };
    let size = *tensor.dims.get(axis).ok_or_else(wrong)? as usize;
    let first = if call.axis == axis { call.start as usize } else { 0 };
    let scales = scales.to_f32()?;
    let scales = scales.get(first..first + size).ok_or_else(wrong)?;
    let mut values = tensor.to_f32()?;
    let inner: i64 = tensor.dims[axis + 1..].iter().product();
    let runs = values.chunks_mut(inner.max(1) as usize);
    for (run, scale) in runs.zip(scales.iter().cycle()) {
        run.iter_mut().for_each(|value| *value *= scale);
    }
    result.dtype.encode_f32(&values, result.bytes)
}

/// Result: ones.
pub(crate) fn ones(call: &mut TaskCall<'_>) -> Result<()> {
    let [result] = call.results.as_mut_slice() else {
        return Err(Error::invalid("the task was recorded with other results"));
    };
    let elements: i64 = result.dims.iter().product();
    result.dtype.encode_f32(&vec![1.0; elements as usize], result.bytes)
}
