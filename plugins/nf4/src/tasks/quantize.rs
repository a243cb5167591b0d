//! Task kinds `quantize` and `quantize-whole`: the codes and magnitudes of a weight, or of some
//! of its rows.

use super::rows::{STRIP, Weight, not_finite};
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
    let (&[source], [codes, absmax]) = (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let weight = Weight::new(source, is_transposed != 0)?;
    let mut magnitudes = vec![0.0; absmax.bytes.len() / size_of::<f32>()];
    let (mut codes_left, mut absmax_left) = (&mut *codes.bytes, &mut magnitudes[..]);
    // Strips are whole blocks, or there is one.
    let is_whole = (STRIP * weight.inputs).is_multiple_of(quantizer.block_size());
    let strip = if is_whole { STRIP } else { weight.out.max(1) };
    let mut values = Vec::new();
    for first in (0..weight.out).step_by(strip) {
        let rows = strip.min(weight.out - first);
        weight.read(first, rows, &mut values)?;
        let (codes, absmax);
        (codes, codes_left) = codes_left.split_at_mut(Quantizer::code_bytes(values.len()));
        (absmax, absmax_left) = absmax_left.split_at_mut(quantizer.blocks(values.len()));
        let is_end = first + rows == weight.out;
        quantizer
            .quantize(&values, is_end, codes, absmax)
            .map_err(|index| not_finite(values[index]))?;
    }
    DataType::F32.encode_f32(&magnitudes, absmax.bytes)
}
