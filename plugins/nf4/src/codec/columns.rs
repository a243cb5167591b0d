//! Columns of a matrix that is stored `[in, out]`: a block is a piece of one column, and vector
//! lanes are columns, so that only codes have to be turned to `[out, in]`, never elements.

use super::blocks::{INFINITE, MIN_ABSMAX, magnitude_bits};

/// Columns that are quantized side by side.
pub const LANES: usize = 16;

/// A value for each of the columns.
pub type Lanes<T> = [T; LANES];

/// Rows that make a word of codes for each column.
pub(super) const WORD: usize = 8;

/// Whole blocks of [`LANES`] columns to be quantized, and where to.
pub(super) struct Columns<'a> {
    pub(super) block_size: usize,
    pub(super) rows: &'a [Lanes<f32>],
    /// Squares of [`LANES`] words; what is behind the last row is not specified.
    pub(super) codes: &'a mut [[Lanes<u32>; LANES]],
    /// One for each block of rows.
    pub(super) absmax: &'a mut [Lanes<f32>],
}

impl Columns<'_> {
    /// Quantizes each block, as [`Blocks::quantize`](super::blocks::Blocks::quantize) does:
    /// `max_bits` gives the largest bits of a magnitude in each column, `encode` a word of codes
    /// for each column, two codes a byte from the lowest on, and `turn` swaps rows and columns of
    /// a square. The error is the index of the first element, by rows, of a block that has
    /// elements that are not finite.
    ///
    /// Always inlined, so that the closures are compiled with the features of the caller.
    #[inline(always)]
    pub(super) fn quantize(
        self,
        max_bits: impl Fn(&[Lanes<f32>]) -> Lanes<u32>,
        encode: impl Fn(&[Lanes<f32>; WORD], &Lanes<f32>) -> Lanes<u32>,
        turn: impl Fn(&mut [Lanes<u32>; LANES]),
    ) -> Result<(), usize> {
        let mut words = self.codes.as_flattened_mut().iter_mut();
        let blocks = self.rows.chunks_exact(self.block_size).zip(self.absmax).enumerate();
        for (index, (block, absmax)) in blocks {
            let bits = max_bits(block);
            if bits.iter().any(|&bits| bits >= INFINITE) {
                return Err(index * self.block_size * LANES + first_not_finite(block));
            }
            *absmax = bits.map(f32::from_bits);
            let scales = absmax.map(|absmax| 1.0 / absmax.max(MIN_ABSMAX));
            for (rows, word) in block.as_chunks::<WORD>().0.iter().zip(&mut words) {
                *word = encode(rows, &scales);
            }
        }
        self.codes.iter_mut().for_each(turn);
        Ok(())
    }
}

#[cold]
fn first_not_finite(block: &[Lanes<f32>]) -> usize {
    block.as_flattened().iter().position(|value| !value.is_finite()).unwrap_or(0)
}

/// The largest bits of a magnitude in each column, for any CPU.
#[inline(always)]
pub(super) fn max_bits(block: &[Lanes<f32>]) -> Lanes<u32> {
    let mut max = [0; LANES];
    for row in block {
        for (max, &value) in max.iter_mut().zip(row) {
            *max = magnitude_bits(value).max(*max);
        }
    }
    max
}

/// Swaps rows and columns, for any CPU.
#[inline(always)]
pub(super) fn turn(square: &mut [Lanes<u32>; LANES]) {
    let words = *square;
    for (row, turned) in square.iter_mut().enumerate() {
        *turned = std::array::from_fn(|column| words[column][row]);
    }
}
