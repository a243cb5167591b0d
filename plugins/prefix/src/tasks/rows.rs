//! Task kind `rows`: the keys or the values of one layer, in the layout the graph needs.

use super::{result, source, words};
use crate::layout::Layout;
use peftc_plugin::{Error, Result, TaskCall};
use std::ops::Range;

/// What of `[rows, blocks·heads·features]` is wanted: one block of every row.
pub(crate) fn params(block: i64, blocks: i64, layout: Layout) -> Vec<u8> {
    let Layout { rows, heads, features, row_axis, head_axis, feature_axis } = layout;
    let axes = [row_axis, head_axis, feature_axis].map(|axis| axis as i64);
    words([block, blocks, rows, heads, features, axes[0], axes[1], axes[2]])
}

/// What [`params`] say.
pub(super) struct Block {
    block: usize,
    blocks: usize,
    layout: Layout,
}

impl Block {
    pub(super) fn of(call: &TaskCall<'_>) -> Result<Self> {
        let [block, blocks, rows, heads, features, row_axis, head_axis, feature_axis] =
            call.words::<8>()?.map(|word| i64::from_le_bytes(word) as usize);
        let (rows, heads, features) = (rows as i64, heads as i64, features as i64);
        let layout = Layout { rows, heads, features, row_axis, head_axis, feature_axis };
        match block < blocks {
            true => Ok(Self { block, blocks, layout }),
            false => Err(Error::invalid("the task was recorded with other parameters")),
        }
    }

    /// The columns of a row that the block is.
    pub(super) fn columns(&self) -> Range<usize> {
        let width = (self.layout.heads * self.layout.features) as usize;
        self.block * width..(self.block + 1) * width
    }

    /// Fills the result: `at` gives the row's element in a column of the block.
    pub(super) fn fill(
        &self,
        call: &mut TaskCall<'_>,
        at: impl Fn(usize, usize) -> f32,
    ) -> Result<()> {
        let Layout { rows, heads, features, .. } = self.layout;
        let mut placed = vec![0.0; self.layout.elements() as usize];
        for row in 0..rows as usize {
            for head in 0..heads as usize {
                for feature in 0..features as usize {
                    placed[self.layout.place(row, head, feature)] =
                        at(row, head * features as usize + feature);
                }
            }
        }
        let result = result(call)?;
        result.dtype.encode_f32(&placed, result.bytes)
    }
}

pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let block = Block::of(call)?;
    let values = source(call, 0)?;
    let width = block.columns().len() * block.blocks;
    if values.len() != block.layout.rows as usize * width {
        return Err(Error::invalid("the task was recorded for another tensor"));
    }
    let start = block.columns().start;
    block.fill(call, |row, column| values[row * width + start + column])
}
