//! How far codes and magnitudes are from the weight that they stand for.

use super::rows::Weight;
use super::tiles::each_tile;
use crate::codec::{LANES, Lanes, Quantizer, dequantize};
use crate::errors::{Errors, Sums};
use crate::prefetch::prefetch;
use peftc_plugin::{Error, Result, TensorView};

impl Errors {
    /// The errors of codes, two a byte, and magnitudes, one a block of the flattened `[out, in]`, as
    /// [`dequantize`](crate::codec::dequantize()) reads them. The weight is stored so, or as
    /// `[in, out]`, and is finite.
    ///
    /// # Errors
    /// The weight is no matrix of floats, or has other numbers of codes or magnitudes.
    pub fn of_codes(
        weight: TensorView<'_>,
        is_transposed: bool,
        quantizer: Quantizer,
        codes: &[u8],
        magnitudes: &[f32],
    ) -> Result<Self> {
        Weight::new(weight, is_transposed)?.errors(quantizer, codes, magnitudes)
    }
}

impl Weight<'_> {
    /// [`Errors::of_codes`]
    pub(super) fn errors(
        &self,
        quantizer: Quantizer,
        codes: &[u8],
        magnitudes: &[f32],
    ) -> Result<Errors> {
        let block_size = quantizer.block_size();
        let elements = self.out * self.inputs;
        let lengths = (Quantizer::code_bytes(elements), quantizer.blocks(elements));
        if (codes.len(), magnitudes.len()) != lengths {
            return Err(Error::invalid("codes or magnitudes are not as many as the weight has"));
        }
        let mut sums = Sums::default();
        match self.has_column_blocks(block_size) {
            true => self.by_columns(quantizer, codes, magnitudes, &mut sums)?,
            false => self.each_strip(block_size, |first, values| {
                let codes = &codes[first / 2..][..Quantizer::code_bytes(values.len())];
                let magnitudes =
                    &magnitudes[first / block_size..][..quantizer.blocks(values.len())];
                quantizer.measure(values, codes, magnitudes, &mut sums);
                Ok(())
            })?,
        }
        let errors = sums.errors();
        if errors.is_resolved(elements) {
            return Ok(errors);
        }
        let (mut errors, mut near) = (Errors::default(), Vec::new());
        self.each_strip(block_size, |first, values| {
            near.resize(values.len(), 0.0);
            let (codes, magnitudes) = (&codes[first / 2..], &magnitudes[first / block_size..]);
            dequantize(codes, magnitudes, block_size, quantizer.quant_type(), &mut near);
            errors.add(values, &near);
            Ok(())
        })?;
        Ok(errors)
    }

    fn by_columns(
        &self,
        quantizer: Quantizer,
        codes: &[u8],
        magnitudes: &[f32],
        sums: &mut Sums,
    ) -> Result<()> {
        let block_size = quantizer.block_size();
        let (codes_of_row, blocks_of_row) = (self.inputs / 2, self.inputs / block_size);
        let (mut squares, mut scales) = (Vec::new(), Vec::new());
        each_tile(self, block_size, |tile| {
            let blocks = tile.rows.len() / block_size;
            squares.clear();
            squares.resize(Quantizer::squares(tile.rows.len()), [[0; LANES]; LANES]);
            scales.clear();
            scales.resize(blocks, [0.0; LANES]);
            // Columns that are not there are zeros of magnitude zero.
            for (column, out) in tile.outs.enumerate() {
                let length = tile.inputs.len() / 2;
                let start = |out: usize| out * codes_of_row + tile.inputs.start / 2;
                if out + LANES < self.out {
                    prefetch(&codes[start(out + LANES)..][..length]);
                }
                let (lines, part) = codes[start(out)..][..length].as_chunks::<LINE>();
                for (square, line) in squares.iter_mut().zip(lines) {
                    read(line, &mut square[column]);
                }
                if let Some(square) = squares.get_mut(lines.len()) {
                    read(part, &mut square[column]);
                }
                let start = out * blocks_of_row + tile.inputs.start / block_size;
                for (scales, magnitude) in scales.iter_mut().zip(&magnitudes[start..]) {
                    scales[column] = *magnitude;
                }
            }
            quantizer.measure_columns(tile.rows, &mut squares, &scales, sums);
            Ok(())
        })
    }
}

/// Bytes of a row's codes in a square.
const LINE: usize = 4 * LANES;

#[inline(always)]
fn read(codes: &[u8], words: &mut Lanes<u32>) {
    for (word, codes) in words.iter_mut().zip(codes.as_chunks().0) {
        *word = u32::from_le_bytes(*codes);
    }
}
