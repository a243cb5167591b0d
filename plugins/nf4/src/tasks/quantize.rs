//! Task kinds `quantize` and `quantize-whole`: the codes and magnitudes of a weight, or of some
//! of its rows.

use crate::codec::{QuantType, Quantizer};
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorView};
use std::ops::Range;

/// Rows of `[out, in]` that are quantized at a time: so many elements of each stored row are
/// read on end where the weight is stored transposed.
const STRIP: usize = 64;

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
    let strip = weight.rows_at_a_time(quantizer.block_size());
    let mut values = Vec::new();
    for first in (0..weight.out).step_by(strip) {
        let rows = strip.min(weight.out - first);
        weight.read(first, rows, &mut values)?;
        let (codes, absmax);
        (codes, codes_left) = codes_left.split_at_mut(Quantizer::code_bytes(values.len()));
        (absmax, absmax_left) = absmax_left.split_at_mut(quantizer.blocks(values.len()));
        let is_end = first + rows == weight.out;
        quantizer.quantize(&values, is_end, codes, absmax).map_err(|index| {
            let value = values[index];
            Error::invalid(format!(
                "the weight has an element that is {value}: it cannot be quantized"
            ))
        })?;
    }
    DataType::F32.encode_f32(&magnitudes, absmax.bytes)
}

/// A weight, read by rows of `[out, in]`.
struct Weight<'a> {
    source: TensorView<'a>,
    size: usize,
    out: usize,
    inputs: usize,
    is_transposed: bool,
}

impl<'a> Weight<'a> {
    fn new(source: TensorView<'a>, is_transposed: bool) -> Result<Self> {
        let (&[rows, columns], Some(size)) = (source.dims, source.dtype.float_size()) else {
            return Err(Error::invalid(format!("a weight {} is no matrix of floats", source.ty())));
        };
        let (rows, columns) = (rows as usize, columns as usize);
        let (out, inputs) = if is_transposed { (columns, rows) } else { (rows, columns) };
        Ok(Self { source, size, out, inputs, is_transposed })
    }

    /// As many rows as are whole blocks; all of them where no fewer are.
    fn rows_at_a_time(&self, block_size: usize) -> usize {
        match (STRIP * self.inputs).is_multiple_of(block_size) {
            true => STRIP,
            false => self.out.max(1),
        }
    }

    /// Reads rows as float32.
    fn read(&self, first: usize, rows: usize, values: &mut Vec<f32>) -> Result<()> {
        values.resize(rows * self.inputs, 0.0);
        if !self.is_transposed {
            let start = first * self.inputs * self.size;
            let bytes = &self.source.bytes[start..start + values.len() * self.size];
            return self.source.dtype.decode_f32(bytes, values);
        }
        for input in (0..self.inputs).step_by(TILE) {
            let count = TILE.min(self.inputs - input);
            for row in (0..rows).step_by(TILE) {
                self.turn(first, row..rows.min(row + TILE), input..input + count, values)?;
            }
        }
        Ok(())
    }

    /// Turns a tile of a weight that is stored `[in, out]`: some inputs of some of the rows read
    /// from `first` on.
    fn turn(
        &self,
        first: usize,
        rows: Range<usize>,
        inputs: Range<usize>,
        values: &mut [f32],
    ) -> Result<()> {
        let mut tile = [[0.0; TILE]; TILE];
        for (input, tile) in inputs.clone().zip(&mut tile) {
            let start = (input * self.out + first + rows.start) * self.size;
            let bytes = &self.source.bytes[start..start + rows.len() * self.size];
            match (self.source.dtype, bytes.as_chunks::<4>().0.as_array::<TILE>()) {
                (DataType::F32, Some(bytes)) => *tile = bytes.map(f32::from_le_bytes),
                _ => self.source.dtype.decode_f32(bytes, &mut tile[..rows.len()])?,
            }
        }
        for (column, row) in rows.enumerate() {
            let values = &mut values[row * self.inputs..][inputs.clone()];
            for (value, tile) in values.iter_mut().zip(&tile) {
                *value = tile[column];
            }
        }
        Ok(())
    }
}

/// Inputs, and outputs, that are turned at a time.
const TILE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_whatever_the_layout() {
        for (out, inputs) in [(1, 1), (3, 40), (70, 5), (130, 33)] {
            let element = |o: usize, i: usize| (o * inputs + i) as f32;
            let rows: Vec<f32> = (0..out * inputs).map(|at| at as f32).collect();
            let turned: Vec<f32> =
                (0..out * inputs).map(|at| element(at % out, at / out)).collect();
            for (stored, dims, is_transposed) in
                [(&rows, [out, inputs], false), (&turned, [inputs, out], true)]
            {
                let bytes: Vec<u8> = stored.iter().flat_map(|v| v.to_le_bytes()).collect();
                let dims = dims.map(|d| d as i64);
                let source = TensorView { dtype: DataType::F32, dims: &dims, bytes: &bytes };
                let weight = Weight::new(source, is_transposed).expect("a matrix");
                let (mut all, mut part) = (Vec::new(), Vec::new());
                for first in (0..out).step_by(STRIP) {
                    weight.read(first, STRIP.min(out - first), &mut part).expect("rows");
                    all.extend_from_slice(&part);
                }
                assert_eq!(all, rows);
            }
        }
    }
}
