//! Task kind `copy`: the bytes of a tensor as they are, under another type or shape.

use peftc_plugin::{Error, Result, TaskCall};

/// Source: a whole tensor. Result: as many bytes, which begin with the same ones.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let (start, steps) = (call.start as usize, (call.end - call.start) as usize);
    let (&[source], [result]) = (call.sources.as_slice(), call.results.as_mut_slice()) else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let first = start * (result.bytes.len() / steps.max(1));
    let bytes = source.bytes.get(first..first + result.bytes.len());
    let bytes = bytes.ok_or_else(|| Error::invalid("the source is shorter than the result"))?;
    result.bytes.copy_from_slice(bytes);
    Ok(())
}
