//! Task kind `unnest`: the magnitudes that double quantization stands for.

use super::finite;
use crate::codec::nested::BLOCK_SIZE;
use peftc_plugin::{DataType, Error, Result, TaskCall};

/// Parameter: the offset. Sources: codes; the value of each of the 256 codes; magnitudes of the
/// blocks of codes. Result: code_book\[code\] · absmax\[index / 256\] + offset, two roundings.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let (start, end) = (call.start as usize, call.end as usize);
    let (&[codes, map, absmax], [result], Ok(offset)) =
        (call.sources.as_slice(), call.results.as_mut_slice(), call.params.try_into())
    else {
        return Err(Error::invalid(
            "the task was recorded with other sources, results or parameters",
        ));
    };
    let (map, absmax, offset) = (map.to_f32()?, absmax.to_f32()?, f32::from_le_bytes(offset));
    let codes = codes
        .bytes
        .get(start..end)
        .filter(|_| map.len() == 256 && end <= absmax.len() * BLOCK_SIZE);
    let codes = codes.ok_or_else(|| Error::invalid("the sources do not fit each other"))?;
    let values: Vec<f32> = (start..)
        .zip(codes)
        .map(|(index, &code)| map[usize::from(code)] * absmax[index / BLOCK_SIZE] + offset)
        .collect();
    finite(&values)?;
    DataType::F32.encode_f32(&values, result.bytes)
}
