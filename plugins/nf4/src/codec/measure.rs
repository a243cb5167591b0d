//! What the encoders share of measuring errors.

use super::columns::{LANES, Lanes, WORD};
use crate::errors::Sums;

/// Whole blocks, and what stands for them.
pub(super) struct MeasuredBlocks<'a> {
    pub(super) block_size: usize,
    pub(super) values: &'a [f32],
    /// Two codes a byte.
    pub(super) codes: &'a [u8],
    pub(super) magnitudes: &'a [f32],
}

/// Whole blocks of columns, and what stands for them.
pub(super) struct MeasuredColumns<'a> {
    pub(super) block_size: usize,
    pub(super) rows: &'a [Lanes<f32>],
    /// Squares of codes, which are turned.
    pub(super) codes: &'a mut [[Lanes<u32>; LANES]],
    /// One for each block of rows.
    pub(super) magnitudes: &'a [Lanes<f32>],
}

impl MeasuredBlocks<'_> {
    /// Adds all errors; `value` gives what stands for the lowest four bits of words that are moved
    /// down, times a magnitude.
    #[inline(always)]
    pub(super) fn measure(
        self,
        value: impl Fn(&Lanes<u32>, usize, &Lanes<f32>) -> Lanes<f32>,
        sums: &mut Sums,
    ) {
        let blocks = self.values.chunks_exact(self.block_size);
        let codes = self.codes.chunks_exact(self.block_size / 2);
        for ((block, codes), &magnitude) in blocks.zip(codes).zip(self.magnitudes) {
            let magnitudes = [magnitude; LANES];
            sums.block(|sums| {
                let (values, codes) = (block.as_chunks::<LANES>().0, codes.as_chunks::<8>().0);
                for (values, &codes) in values.iter().zip(codes) {
                    // The high nibble of a byte is the first.
                    let codes: Lanes<u32> = std::array::from_fn(|lane| {
                        u32::from(codes[lane / 2]) >> (4 * (1 - lane % 2))
                    });
                    sums.add(values, &value(&codes, 0, &magnitudes));
                }
            });
        }
    }
}

impl MeasuredColumns<'_> {
    /// As [`MeasuredBlocks::measure`]; `turn` swaps rows and columns of a square.
    #[inline(always)]
    pub(super) fn measure(
        self,
        turn: impl Fn(&mut [Lanes<u32>; LANES]),
        value: impl Fn(&Lanes<u32>, usize, &Lanes<f32>) -> Lanes<f32>,
        sums: &mut Sums,
    ) {
        self.codes.iter_mut().for_each(turn);
        let words = self.codes.as_flattened().chunks(self.block_size / WORD);
        let blocks = self.rows.chunks_exact(self.block_size).zip(words).zip(self.magnitudes);
        for ((block, words), magnitudes) in blocks {
            sums.block(|sums| {
                for (rows, word) in block.as_chunks::<WORD>().0.iter().zip(words) {
                    for (row, shift) in rows.iter().zip([4, 0, 12, 8, 20, 16, 28, 24]) {
                        sums.add(row, &value(word, shift, magnitudes));
                    }
                }
            });
        }
    }
}
