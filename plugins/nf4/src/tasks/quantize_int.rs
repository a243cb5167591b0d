//! Task kind `quantize-int`: the codes, scales and zero points of some rows of a weight.

use super::rows::{STRIP, Weight, not_finite};
use crate::nbits::IntQuantizer;
use peftc_plugin::{DataType, Error, Result, TaskCall};

/// Parameters: bits; block size; 1 if symmetric; 1 if the weight is stored as `[in, out]`.
/// Source: the part of the weight that is these rows of `[out, in]`.
/// Results: codes; scales; zero points, where it is not symmetric.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [bits, block_size, is_symmetric, is_transposed] = call.words()?.map(u64::from_le_bytes);
    let quantizer = IntQuantizer::new(bits as usize, block_size as usize, is_symmetric != 0)
        .ok_or_else(|| Error::invalid(format!("{bits} bits in blocks of {block_size}")))?;
    let (&[source], [codes, scales, zero_points @ ..]) =
        (call.sources.as_slice(), call.results.as_mut_slice())
    else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let weight = Weight::new(source, is_transposed != 0)?;
    if weight.inputs == 0 {
        return Ok(());
    }
    let blocks = quantizer.blocks(weight.inputs);
    let mut made = vec![0.0; weight.out * blocks];
    let mut nothing = [];
    let (zero_points, bytes) = match zero_points {
        [zero_points] => (&mut *zero_points.bytes, quantizer.zero_point_bytes(blocks)),
        _ => (&mut nothing[..], 0),
    };
    let mut values = Vec::new();
    for first in (0..weight.out).step_by(STRIP) {
        weight.read(first, STRIP.min(weight.out - first), &mut values)?;
        for (row, values) in (first..).zip(values.chunks(weight.inputs)) {
            let of_row = |length: usize| row * length..(row + 1) * length;
            let codes = &mut codes.bytes[of_row(blocks * quantizer.block_bytes())];
            let scales = &mut made[of_row(blocks)];
            quantizer
                .quantize_row(values, codes, scales, &mut zero_points[of_row(bytes)])
                .map_err(|index| not_finite(values[index]))?;
        }
    }
    DataType::F32.encode_f32(&made, scales.bytes)
}
