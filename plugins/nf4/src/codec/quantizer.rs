//! From float32 to codes and absmax.

use super::blocks::{Blocks, MIN_ABSMAX, checked_absmax};
use super::columns::{Columns, LANES, Lanes, WORD};
use super::measure::{MeasuredBlocks, MeasuredColumns};
use super::tables::Tables;
use super::{Encoder, QuantType, dequantize};
use crate::errors::Sums;

/// Quantizes pieces of flattened matrices, with one code book and block size.
#[derive(Clone, Copy, Debug)]
pub struct Quantizer {
    quant_type: QuantType,
    block_size: usize,
    encoder: Encoder,
}

impl Quantizer {
    /// The largest block size, in elements.
    pub const MAX_BLOCK_SIZE: usize = 4096;
    /// The smallest block size, in elements. (bitsandbytes begins at 32, ONNX Runtime at 16.)
    pub const MIN_BLOCK_SIZE: usize = 16;

    /// A quantizer with the fastest encoder of this CPU; none unless the block size is a power of
    /// two from 16 to 4096.
    pub fn new(quant_type: QuantType, block_size: usize) -> Option<Self> {
        let is_valid = block_size.is_power_of_two()
            && (Self::MIN_BLOCK_SIZE..=Self::MAX_BLOCK_SIZE).contains(&block_size);
        is_valid.then(|| Self { quant_type, block_size, encoder: Encoder::fastest() })
    }

    /// The same with another encoder.
    pub fn with_encoder(self, encoder: Encoder) -> Self {
        Self { encoder, ..self }
    }

    /// Elements a block.
    pub fn block_size(self) -> usize {
        self.block_size
    }

    /// The code book.
    pub fn quant_type(self) -> QuantType {
        self.quant_type
    }

    /// Bytes that the codes of so many elements take: two elements a byte.
    pub fn code_bytes(elements: usize) -> usize {
        elements.div_ceil(2)
    }

    /// Blocks that so many elements make, the last one partial or not.
    pub fn blocks(self, elements: usize) -> usize {
        elements.div_ceil(self.block_size)
    }

    /// Quantizes elements that begin at a block boundary of the flattened matrix. They are whole
    /// blocks, but that the matrix may end (`is_end`) within a block, after any number of
    /// elements. The first of each pair of elements is in the high nibble of a byte.
    ///
    /// `codes` is [`code_bytes`](Self::code_bytes) long and `absmax` [`blocks`](Self::blocks),
    /// in units of the elements.
    ///
    /// In a whole block an element is multiplied by 1 / max(absmax, 1e-38); in the partial last
    /// one it is divided by max(absmax, 1e-38), and it is this that is stored as absmax. The code
    /// is the nearest one, of two at the same distance the lower. The low nibble after the last of
    /// an odd number of elements is the code of 0. As in bitsandbytes, `backends/default/ops.py`.
    ///
    /// # Errors
    /// The index of the first element that is infinite or no number. What has then been written
    /// is not specified.
    ///
    /// # Panics
    /// If the lengths do not fit each other, or a block is partial without `is_end`.
    pub fn quantize(
        &self,
        values: &[f32],
        is_end: bool,
        codes: &mut [u8],
        absmax: &mut [f32],
    ) -> Result<(), usize> {
        let whole = values.len() - values.len() % self.block_size;
        assert!(is_end || whole == values.len(), "a partial block within a matrix");
        assert_eq!(codes.len(), Self::code_bytes(values.len()), "two elements a byte");
        assert_eq!(absmax.len(), self.blocks(values.len()), "one absmax a block");

        let tables = self.quant_type.tables();
        let (values, last_values) = values.split_at(whole);
        let (codes, last_codes) = codes.split_at_mut(whole / 2);
        let (absmax, last_absmax) = absmax.split_at_mut(whole / self.block_size);
        let block_size = self.block_size;
        self.encoder.quantize(tables, Blocks { block_size, values, codes, absmax })?;
        if let [last_absmax] = last_absmax {
            *last_absmax =
                quantize_partial(tables, last_values, last_codes).map_err(|index| whole + index)?;
        }
        Ok(())
    }

    /// Quantizes blocks that are pieces of [`LANES`] columns side by side: whole blocks of rows.
    /// Codes and absmax are those that [`quantize`](Self::quantize) gives each column.
    ///
    /// `codes` has [`squares`](Self::squares) of so many rows. In each, word `w` of column `c` is
    /// `codes[square][c][w]`, and its little-endian bytes are the codes of eight rows. Words
    /// behind the last row are not specified. `absmax` has a row for each block of rows.
    ///
    /// # Errors
    /// The index, by rows, of an element that is infinite or no number.
    ///
    /// # Panics
    /// If the lengths do not fit each other, or a block is partial.
    pub fn quantize_columns(
        &self,
        rows: &[Lanes<f32>],
        codes: &mut [[Lanes<u32>; LANES]],
        absmax: &mut [Lanes<f32>],
    ) -> Result<(), usize> {
        assert!(rows.len().is_multiple_of(self.block_size), "a partial block");
        assert_eq!(codes.len(), Self::squares(rows.len()), "eight rows a word");
        assert_eq!(absmax.len(), rows.len() / self.block_size, "one row of absmax a block");
        let columns = Columns { block_size: self.block_size, rows, codes, absmax };
        self.encoder.quantize_columns(self.quant_type.tables(), columns)
    }

    /// Adds the errors of elements that begin at a block boundary: of code_book\[code\] · magnitude,
    /// rounded once to float32, as [`dequantize`](super::dequantize()) gives it.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub(crate) fn measure(
        &self,
        values: &[f32],
        codes: &[u8],
        magnitudes: &[f32],
        sums: &mut Sums,
    ) {
        assert_eq!(codes.len(), Self::code_bytes(values.len()), "two elements a byte");
        assert_eq!(magnitudes.len(), self.blocks(values.len()), "one magnitude a block");
        let block_size = self.block_size;
        let whole = values.len() - values.len() % block_size;
        let (values, last) = values.split_at(whole);
        let (codes, last_codes) = codes.split_at(whole / 2);
        let (magnitudes, last_magnitude) = magnitudes.split_at(whole / block_size);
        let blocks = MeasuredBlocks { block_size, values, codes, magnitudes };
        self.encoder.measure(self.quant_type.tables(), blocks, sums);
        if !last.is_empty() {
            let mut near = vec![0.0; last.len()];
            dequantize(last_codes, last_magnitude, block_size, self.quant_type, &mut near);
            sums.add(last, &near);
        }
    }

    /// Adds the errors of blocks that are pieces of columns: the arguments are those of
    /// [`quantize_columns`](Self::quantize_columns) and what it gave. Codes are turned.
    ///
    /// # Panics
    /// If the lengths do not fit each other, or a block is partial.
    pub(crate) fn measure_columns(
        &self,
        rows: &[Lanes<f32>],
        codes: &mut [[Lanes<u32>; LANES]],
        magnitudes: &[Lanes<f32>],
        sums: &mut Sums,
    ) {
        assert!(rows.len().is_multiple_of(self.block_size), "a partial block");
        assert_eq!(codes.len(), Self::squares(rows.len()), "eight rows a word");
        assert_eq!(magnitudes.len(), rows.len() / self.block_size, "one row a block");
        let columns = MeasuredColumns { block_size: self.block_size, rows, codes, magnitudes };
        self.encoder.measure_columns(self.quant_type.tables(), columns, sums);
    }

    /// How many squares of codes so many rows of columns make.
    pub fn squares(rows: usize) -> usize {
        rows.div_ceil(WORD * LANES)
    }
}

/// The last block of a matrix, where it is partial: writes the codes, gives absmax.
fn quantize_partial(tables: &Tables, values: &[f32], codes: &mut [u8]) -> Result<f32, usize> {
    let absmax = checked_absmax(values)?.max(MIN_ABSMAX);
    for (pair, byte) in values.chunks(2).zip(codes) {
        let second = pair.get(1).map_or(0.0, |value| value / absmax);
        *byte = tables.code(pair[0] / absmax) << 4 | tables.code(second);
    }
    Ok(absmax)
}
