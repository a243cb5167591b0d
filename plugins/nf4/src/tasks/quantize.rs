//! Task kinds `quantize` and `quantize-whole`: the codes and magnitudes of a weight, or of some
//! of its rows.

use crate::codec::{QuantType, Quantizer};
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorView};

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
    quantizer.quantize(&values, true, codes.bytes, &mut magnitudes).map_err(|index| {
        let value = values[index];
        Error::invalid(format!("the weight has an element that is {value}: it cannot be quantized"))
    })?;
    DataType::F32.encode_f32(&magnitudes, absmax.bytes)
}

/// The rows `[out, in]` of a matrix as float32.
fn rows(weight: &TensorView<'_>, is_transposed: bool) -> Result<Vec<f32>> {
    let values = weight.to_f32()?;
    let &[inputs, out] = weight.dims else {
        return Err(Error::invalid(format!("a weight of shape {:?} is no matrix", weight.dims)));
    };
    Ok(if is_transposed { transposed(&values, inputs as usize, out as usize) } else { values })
}

/// The transpose of a row-major matrix, a tile at a time.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 16;
    let mut turned = vec![0.0; values.len()];
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for row in first_row..rows.min(first_row + TILE) {
                for column in first_column..columns.min(first_column + TILE) {
                    turned[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    turned
}
