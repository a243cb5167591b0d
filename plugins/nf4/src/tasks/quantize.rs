//! Task kinds `quantize` and `quantize-whole`: the codes and magnitudes of a weight, or of some
//! of its rows.

use super::rows::{not_finite, rows};
use crate::codec::{QuantType, Quantizer};
use peftc_plugin::{DataType, Error, Result, TaskCall};

/// Parameters: block size; 1 for FP4; 1 if the weight is stored as `[in, out]`.
/// Source: the weight, or the part of it that is these rows of `[out, in]`.
/// Results: codes, two a byte; magnitudes.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [block_size, is_fp4, is_transposed] = call.words()?.map(u64::from_le_bytes);
    let quant_type = if is_fp4 == 0 { QuantType::Nf4 } else { QuantType::Fp4 };
    let quantizer = Quantizer::new(quant_type, block_size as usize)
        .ok_or_else(|| Error::invalid(format!("blocks of {block_size} elements")))?;
    let (&[weight], [codes, absmax]) = (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let values = rows(&weight, is_transposed != 0)?;
    let mut magnitudes = vec![0.0; absmax.bytes.len() / size_of::<f32>()];
    quantizer
        .quantize(&values, true, codes.bytes, &mut magnitudes)
        .map_err(|index| not_finite(values[index]))?;
    DataType::F32.encode_f32(&magnitudes, absmax.bytes)
}
