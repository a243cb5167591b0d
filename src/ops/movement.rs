//! Operators that move elements: shapes, slices, gathers, scatters.

mod gather;
mod indices;
mod join;
mod order;
mod pad;
mod scatter;
mod select;
mod slice;
mod unique;
mod view;

pub(super) use join::joined;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("CenterCropPad", pad::center_crop_pad),
    op("Compress", select::compress),
    op("Concat", join::concat),
    op("DepthToSpace", order::depth_to_space),
    op("Expand", slice::expand),
    op("Flatten", view::flatten),
    op("Gather", gather::gather),
    op("GatherElements", gather::gather_elements),
    op("GatherND", gather::gather_nd),
    op("NonZero", select::non_zero),
    op("Pad", pad::pad),
    op("Reshape", view::reshape),
    op("ReverseSequence", order::reverse_sequence),
    op("Scatter", scatter::scatter_elements),
    op("ScatterElements", scatter::scatter_elements),
    op("ScatterND", scatter::scatter_nd),
    op("Shape", view::shape),
    op("Size", view::size),
    op("Slice", slice::slice),
    op("SpaceToDepth", order::space_to_depth),
    op("Split", join::split),
    op("Squeeze", view::squeeze),
    op("TensorScatter", scatter::tensor_scatter),
    op("Tile", slice::tile),
    op("Transpose", order::transpose),
    op("Trilu", select::trilu),
    op("Unique", unique::unique),
    op("Unsqueeze", view::unsqueeze),
    op("Where", select::choose_where),
];
