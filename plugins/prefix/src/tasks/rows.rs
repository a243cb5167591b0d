//! Task kind `rows`: the keys or the values of one layer, in the layout the graph needs.

use super::{result, source, words};
use crate::layout::Layout;
use peftc_plugin::{Error, Result, TaskCall};

/// What of a tensor `[rows, blocks·heads·features]` is wanted: one block of every row.
pub(crate) fn params(block: i64, blocks: i64, layout: Layout) -> Vec<u8> {
    let Layout { rows, heads, features, row_axis, head_axis, feature_axis } = layout;
    let axes = [row_axis, head_axis, feature_axis].map(|axis| axis as i64);
    words([block, blocks, rows, heads, features, axes[0], axes[1], axes[2]])
}

pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [block, blocks, rows, heads, features, row_axis, head_axis, feature_axis] =
        call.words::<8>()?.map(|word| i64::from_le_bytes(word) as usize);
    let (rows, heads, features) = (rows as i64, heads as i64, features as i64);
    let layout = Layout { rows, heads, features, row_axis, head_axis, feature_axis };
    let values = source(call, 0)?;
    if values.len() as i64 != blocks as i64 * layout.elements() || block >= blocks {
        return Err(Error::invalid("the task was recorded for another tensor"));
    }
    let width = (heads * features) as usize;
    let mut placed = vec![0.0; layout.elements() as usize];
    for row in 0..rows as usize {
        for head in 0..heads as usize {
            let start = (row * blocks + block) * width + head * features as usize;
            for feature in 0..features as usize {
                placed[layout.place(row, head, feature)] = values[start + feature];
            }
        }
    }
    let result = result(call)?;
    result.dtype.encode_f32(&placed, result.bytes)
}
