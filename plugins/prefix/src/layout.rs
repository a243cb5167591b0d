//! How the rows of a prefix lie in the graph.

use peftc_plugin::{DataType, KeyValues, TensorType};

/// Rows of keys or values, as four axes of which the first is the batch, of size 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) rows: i64,
    pub(crate) heads: i64,
    pub(crate) features: i64,
    pub(crate) row_axis: usize,
    pub(crate) head_axis: usize,
    pub(crate) feature_axis: usize,
}

impl Layout {
    /// As K or V of a site lies.
    pub(crate) fn of(site: &KeyValues, rows: i64) -> Self {
        Self {
            rows,
            heads: site.heads,
            features: site.features,
            row_axis: site.sequence_axis,
            head_axis: site.head_axis,
            feature_axis: site.feature_axis,
        }
    }

    pub(crate) fn elements(&self) -> i64 {
        self.rows * self.heads * self.features
    }

    pub(crate) fn ty(&self, dtype: DataType) -> TensorType {
        TensorType::new(dtype, self.dims())
    }

    fn dims(&self) -> [i64; 4] {
        let mut dims = [1; 4];
        dims[self.row_axis] = self.rows;
        dims[self.head_axis] = self.heads;
        dims[self.feature_axis] = self.features;
        dims
    }

    /// Where an element lies.
    pub(crate) fn place(&self, row: usize, head: usize, feature: usize) -> usize {
        let mut index = [0; 4];
        index[self.row_axis] = row;
        index[self.head_axis] = head;
        index[self.feature_axis] = feature;
        self.dims().iter().zip(index).fold(0, |place, (&size, i)| place * size as usize + i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_as_the_graph_has_them() {
        let layout =
            Layout { rows: 2, heads: 3, features: 4, row_axis: 2, head_axis: 1, feature_axis: 3 };
        assert_eq!(layout.ty(DataType::F32).dims, [1, 3, 2, 4]);
        assert_eq!(layout.place(1, 2, 3), 23);
        let turned = Layout { row_axis: 1, head_axis: 2, ..layout };
        assert_eq!(turned.ty(DataType::F32).dims, [1, 2, 3, 4]);
        assert_eq!(turned.place(1, 0, 2), 14);
    }
}
