//! Task kinds `quantize` and `quantize-whole`: the codes and magnitudes of a weight, or of some
//! of its rows.

use super::rows::{Weight, not_finite};
use super::tiles::each_tile;
use crate::codec::{LANES, Lanes, QuantType, Quantizer};
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
    match weight.has_column_blocks(quantizer.block_size()) {
        true => by_columns(&weight, quantizer, codes.bytes, &mut magnitudes)?,
        false => by_rows(&weight, quantizer, codes.bytes, &mut magnitudes)?,
    }
    DataType::F32.encode_f32(&magnitudes, absmax.bytes)
}

fn by_rows(
    weight: &Weight<'_>,
    quantizer: Quantizer,
    codes: &mut [u8],
    magnitudes: &mut [f32],
) -> Result<()> {
    let block_size = quantizer.block_size();
    weight.each_strip(block_size, |first, values| {
        let codes = &mut codes[first / 2..][..Quantizer::code_bytes(values.len())];
        let magnitudes = &mut magnitudes[first / block_size..][..quantizer.blocks(values.len())];
        quantizer
            .quantize(values, true, codes, magnitudes)
            .map_err(|index| not_finite(values[index]))
    })
}

/// Bytes of a row's codes in a square.
const LINE: usize = 4 * LANES;

#[inline(always)]
fn write(words: &Lanes<u32>, codes: &mut [u8]) {
    let bytes = words.map(u32::to_le_bytes);
    codes.copy_from_slice(&bytes.as_flattened()[..codes.len()]);
}

fn by_columns(
    weight: &Weight<'_>,
    quantizer: Quantizer,
    codes: &mut [u8],
    magnitudes: &mut [f32],
) -> Result<()> {
    let block_size = quantizer.block_size();
    let (codes_of_row, blocks_of_row) = (weight.inputs / 2, weight.inputs / block_size);
    let (mut squares, mut absmax) = (Vec::new(), Vec::new());
    each_tile(weight, block_size, |tile| {
        squares.resize(Quantizer::squares(tile.rows.len()), [[0; LANES]; LANES]);
        absmax.resize(tile.rows.len() / block_size, [0.0; LANES]);
        quantizer
            .quantize_columns(tile.rows, &mut squares, &mut absmax)
            .map_err(|index| not_finite(tile.rows.as_flattened()[index]))?;
        for (column, out) in tile.outs.enumerate() {
            let start = out * codes_of_row + tile.inputs.start / 2;
            let (lines, part) = codes[start..start + tile.inputs.len() / 2].as_chunks_mut::<LINE>();
            for (line, square) in lines.iter_mut().zip(&squares) {
                write(&square[column], line);
            }
            if let Some(square) = squares.get(lines.len()) {
                write(&square[column], part);
            }
            let magnitudes =
                &mut magnitudes[out * blocks_of_row + tile.inputs.start / block_size..];
            for (magnitude, absmax) in magnitudes.iter_mut().zip(&absmax) {
                *magnitude = absmax[column];
            }
        }
        Ok(())
    })
}
