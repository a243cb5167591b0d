//! Task kinds: a weight times scales, and the scales themselves.

use peftc_plugin::{Error, Result, TaskCall, Thirds};

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

/// Parameters: α; three flags, the thirds of the outputs that the scales are for.
/// Source: their scales. Result: α times the scales of all outputs, those of the others being 1.
pub(crate) fn spread(call: &mut TaskCall<'_>) -> Result<()> {
    let wrong = || Error::invalid("the task was recorded with other sources or results");
    let [alpha, thirds @ ..] = call.numbers::<4>()?;
    let (&[source], [result]) = (call.sources.as_slice(), call.results.as_mut_slice()) else {
        return Err(wrong());
    };
    let outputs: i64 = result.dims.iter().product();
    let mut scales = vec![alpha as f32; outputs as usize];
    let third = scales.len() / 3;
    let learned = source.to_f32()?;
    let pieces = learned.chunks(third.max(1));
    for (place, piece) in Thirds::from_params(thirds).places().zip(pieces) {
        let room = scales.get_mut(place * third..place * third + piece.len()).ok_or_else(wrong)?;
        room.iter_mut().zip(piece).for_each(|(scale, learned)| *scale *= learned);
    }
    result.dtype.encode_f32(&scales, result.bytes)
}

/// Result: ones.
pub(crate) fn ones(call: &mut TaskCall<'_>) -> Result<()> {
    let [result] = call.results.as_mut_slice() else {
        return Err(Error::invalid("the task was recorded with other results"));
    };
    let elements: i64 = result.dims.iter().product();
    result.dtype.encode_f32(&vec![1.0; elements as usize], result.bytes)
}
