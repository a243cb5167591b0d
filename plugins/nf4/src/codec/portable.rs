//! The encoder for any CPU: counts thresholds, sixteen elements at a time, in loops that compilers
//! turn into vector code.

use super::blocks::{Blocks, magnitude_bits};
use super::columns::{self, Columns, LANES, Lanes, WORD};
use super::measure::{MeasuredBlocks, MeasuredColumns};
use super::tables::Tables;
use crate::errors::Sums;

pub(super) fn quantize(tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
    blocks.quantize(
        |block| block.iter().fold(0, |max, &value| max.max(magnitude_bits(value))),
        |block, scale, codes| {
            let (values, codes) = (block.as_chunks::<16>().0, codes.as_chunks_mut::<8>().0);
            for (values, codes) in values.iter().zip(codes) {
                *codes = encode(tables, values.map(|value| value * scale));
            }
        },
    )
}

pub(super) fn quantize_columns(tables: &Tables, columns: Columns<'_>) -> Result<(), usize> {
    columns.quantize(
        columns::max_bits,
        |rows, scales| encode_word(tables, rows, scales),
        columns::turn,
    )
}

pub(super) fn measure(tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
    blocks.measure(|word, shift, magnitudes| values(tables, word, shift, magnitudes), sums);
}

pub(super) fn measure_columns(tables: &Tables, columns: MeasuredColumns<'_>, sums: &mut Sums) {
    columns.measure(
        columns::turn,
        |word, shift, magnitudes| values(tables, word, shift, magnitudes),
        sums,
    );
}

/// What stands for a code of each word, times a magnitude.
fn values(tables: &Tables, word: &Lanes<u32>, shift: usize, magnitudes: &Lanes<f32>) -> Lanes<f32> {
    let code = |lane: usize| (word[lane] >> shift & 15) as usize;
    std::array::from_fn(|lane| tables.code_book[code(lane)] * magnitudes[lane])
}

fn encode_word(tables: &Tables, rows: &[Lanes<f32>; WORD], scales: &Lanes<f32>) -> Lanes<u32> {
    let mut word = [0; LANES];
    for (pair, rows) in rows.as_chunks::<2>().0.iter().enumerate() {
        for (row, shift) in rows.iter().zip([8 * pair + 4, 8 * pair]) {
            let scaled = std::array::from_fn(|lane| row[lane] * scales[lane]);
            for (word, rank) in word.iter_mut().zip(ranks(tables, scaled)) {
                *word |= u32::from(tables.order[(rank & 15) as usize]) << shift;
            }
        }
    }
    word
}

fn encode(tables: &Tables, scaled: [f32; 16]) -> [u8; 8] {
    let ranks = ranks(tables, scaled);
    let code = |element: usize| tables.order[(ranks[element] & 15) as usize];
    std::array::from_fn(|byte| code(2 * byte) << 4 | code(2 * byte + 1))
}

fn ranks(tables: &Tables, scaled: [f32; 16]) -> [u32; 16] {
    let mut ranks = [0u32; 16];
    for threshold in tables.thresholds {
        for (rank, scaled) in ranks.iter_mut().zip(scaled) {
            *rank += u32::from(scaled > threshold);
        }
    }
    ranks
}
