//! Task kind `nest`: magnitudes as 8-bit codes in blocks of 256, with their mean apart.

use crate::codec::nested::{self, Nested};
use peftc_plugin::{DataType, Error, Result, TaskCall};

/// Source: the magnitudes of all blocks of a weight. Results: codes; magnitudes of the blocks of
/// codes; the mean.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let (&[magnitudes], [codes, absmax, offset]) =
        (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let Nested { codes: made, absmax: blocks, offset: mean } =
        nested::quantize(&magnitudes.to_f32()?);
    codes.bytes.copy_from_slice(&made);
    DataType::F32.encode_f32(&blocks, absmax.bytes)?;
    DataType::F32.encode_f32(&[mean], offset.bytes)
}
