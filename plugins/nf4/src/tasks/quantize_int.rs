//! Task kind `quantize-int`: the codes, scales and zero points of some rows of a weight.

use super::rows::{not_finite, rows};
use crate::nbits::IntQuantizer;
use peftc_plugin::{DataType, Error, Result, TaskCall};

/// Parameters: bits; block size; 1 if symmetric; 1 if the weight is stored as `[in, out]`.
/// Source: the part of the weight that is these rows of `[out, in]`.
/// Results: codes; scales; zero points, where it is not symmetric.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [bits, block_size, is_symmetric, is_transposed] = call.words()?.map(u64::from_le_bytes);
    let quantizer = IntQuantizer::new(bits as usize, block_size as usize, is_symmetric != 0)
        .ok_or_else(|| Error::invalid(format!("{bits} bits in blocks of {block_size}")))?;
    let (&[weight], [codes, scales, zero_points @ ..]) =
        (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let values = rows(&weight, is_transposed != 0)?;
    let inputs = weight.dims[usize::from(is_transposed == 0)] as usize;
    if inputs == 0 {
        return Ok(());
    }
    let blocks = quantizer.blocks(inputs);
    let mut made = vec![0.0; values.len() / inputs * blocks];
    let mut nothing = [];
    let (zero_points, bytes) = match zero_points {
        [zero_points] => (&mut *zero_points.bytes, quantizer.zero_point_bytes(blocks)),
        _ => (&mut nothing[..], 0),
    };
    for (row, values) in values.chunks(inputs).enumerate() {
        let of_row = |length: usize| row * length..(row + 1) * length;
        let codes = &mut codes.bytes[of_row(blocks * quantizer.block_bytes())];
        let scales = &mut made[of_row(blocks)];
        quantizer
            .quantize_row(values, codes, scales, &mut zero_points[of_row(bytes)])
            .map_err(|index| not_finite(values[index]))?;
    }
    DataType::F32.encode_f32(&made, scales.bytes)
}
