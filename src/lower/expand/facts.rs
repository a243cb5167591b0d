//! What is known of values before a model runs.

use crate::ir::{DataType, DimSize, Graph, ValueId};
use crate::ops::size::Size;

/// The sizes of a value, each as far as it is known; none where even the rank is not.
pub(super) fn sizes(graph: &Graph, value: ValueId) -> Option<Vec<Option<Size>>> {
    let ty = graph.value_type(value)?;
    let size = |size: &DimSize| match size {
        DimSize::Known(number @ 0..) => Some(Size::from(*number)),
        DimSize::Symbol(name) => Some(Size::named(name)),
        _ => None,
    };
    Some(ty.shape()?.iter().map(|dim| size(&dim.size)).collect())
}

/// The type of a value's elements, where it is known.
pub(super) fn dtype(graph: &Graph, value: ValueId) -> Option<DataType> {
    graph.dtype(value)
}
