//! Task kind `spread`: AdapterHub's B of a layer that makes queries, keys and values at once, as a B of all
//! its outputs. Each third of the outputs that is adapted has an A and a B of its own.

use super::views;
use peftc_plugin::{Result, TaskCall, Thirds};

/// Parameters: three flags, the thirds that are adapted. Source: their B, `[n·out/3, r]`.
/// Result: B, `[out, n·r]`, with zeros where one third's outputs meet another's rank.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let thirds = Thirds::from_params(call.numbers()?);
    let ([source], result) = views(call)?;
    let (columns, rank) = (result.dims[1] as usize, source.dims[1] as usize);
    let third = result.dims[0] as usize / 3;
    let mut spread = vec![0.0; 3 * third * columns];
    let values = source.to_f32()?;
    let blocks = values.chunks((third * rank).max(1));
    for (index, (place, block)) in thirds.places().zip(blocks).enumerate() {
        for (row, values) in block.chunks(rank.max(1)).enumerate() {
            let at = (place * third + row) * columns + index * rank;
            spread[at..at + values.len()].copy_from_slice(values);
        }
    }
    result.dtype.encode_f32(&spread, result.bytes)
}
