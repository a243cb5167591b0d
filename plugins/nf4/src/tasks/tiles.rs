//! What the quantizing tasks read of a weight that is stored `[in, out]`: tiles, as they lie.

use super::rows::Weight;
use crate::codec::{LANES, Lanes};
use crate::prefetch::prefetch;
use peftc_plugin::{DataType, Result};
use std::ops::Range;

/// Inputs of a tile, where blocks are no larger: their codes are a cache line of a row.
const INPUTS: usize = 128;
/// Elements of a tile: they stay in the inner caches.
const ELEMENTS: usize = 16384;

/// Up to [`LANES`] rows of `[out, in]` side by side, from one input to another.
pub(super) struct Tile<'t> {
    pub(super) outs: Range<usize>,
    pub(super) inputs: Range<usize>,
    /// For each input the elements, and zeros where there are fewer than [`LANES`].
    pub(super) rows: &'t [Lanes<f32>],
}

/// Reads a weight in tiles that are whole blocks of its rows; always in the same order.
pub(super) fn each_tile(
    weight: &Weight<'_>,
    block_size: usize,
    mut work: impl FnMut(Tile<'_>) -> Result<()>,
) -> Result<()> {
    let inputs = INPUTS.max(block_size);
    let outs = (ELEMENTS / inputs / LANES * LANES).max(LANES);
    let mut pieces = pieces(0..weight.inputs, inputs)
        .flat_map(|inputs| pieces(0..weight.out, outs).map(move |outs| (outs, inputs.clone())))
        .peekable();
    let mut values = Vec::new();
    while let Some((outs, inputs)) = pieces.next() {
        read(weight, &outs, &inputs, pieces.peek(), &mut values)?;
        let groups = self::pieces(outs, LANES).zip(values.chunks(inputs.len()));
        for (outs, rows) in groups {
            work(Tile { outs, inputs: inputs.clone(), rows })?;
        }
    }
    Ok(())
}

fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len).map(move |start| start..end.min(start + len))
}

/// Reads a group of [`LANES`] outputs behind the other, each with all inputs; and has the tile
/// that comes next brought nearer.
fn read(
    weight: &Weight<'_>,
    outs: &Range<usize>,
    inputs: &Range<usize>,
    next: Option<&(Range<usize>, Range<usize>)>,
    values: &mut Vec<Lanes<f32>>,
) -> Result<()> {
    let rows = inputs.len();
    values.resize(outs.len().div_ceil(LANES) * rows, [0.0; LANES]);
    for (row, input) in inputs.clone().enumerate() {
        if let Some((outs, inputs)) = next
            && row < inputs.len()
        {
            prefetch(weight.stored(inputs.start + row, outs));
        }
        let bytes = weight.stored(input, outs);
        let groups = values[row..].iter_mut().step_by(rows);
        for (group, bytes) in groups.zip(bytes.chunks(LANES * weight.size())) {
            match (weight.dtype(), bytes.as_chunks::<4>().0.as_array::<LANES>()) {
                (DataType::F32, Some(bytes)) => *group = bytes.map(f32::from_le_bytes),
                (dtype, _) => {
                    let outs = bytes.len() / weight.size();
                    group[outs..].fill(0.0);
                    dtype.decode_f32(bytes, &mut group[..outs])?;
                }
            }
        }
    }
    Ok(())
}
