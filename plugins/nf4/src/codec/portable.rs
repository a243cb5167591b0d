//! The encoder for any CPU: counts thresholds, sixteen elements at a time, in loops that compilers
//! turn into vector code.

use super::blocks::{Blocks, magnitude_bits};
use super::tables::Tables;

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

fn encode(tables: &Tables, scaled: [f32; 16]) -> [u8; 8] {
    let mut ranks = [0u32; 16];
    for threshold in tables.thresholds {
        for (rank, scaled) in ranks.iter_mut().zip(scaled) {
            *rank += u32::from(scaled > threshold);
        }
    }
    let code = |element: usize| tables.order[(ranks[element] & 15) as usize];
    std::array::from_fn(|byte| code(2 * byte) << 4 | code(2 * byte + 1))
}
