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

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("CenterCropPad", pad::center_crop_pad).infer(infer::slice::center_crop_pad),
    op("Compress", select::compress).infer(infer::movement::compress),
    op("Concat", join::concat).infer(infer::slice::concat),
    op("DepthToSpace", order::depth_to_space).infer(infer::reshape::blocks),
    op("Expand", slice::expand).infer(infer::slice::expand),
    op("Flatten", view::flatten).infer(infer::reshape::flatten),
    op("Gather", gather::gather).infer(infer::movement::gather),
    op("GatherElements", gather::gather_elements).infer(infer::movement::gather_elements),
    op("GatherND", gather::gather_nd).infer(infer::movement::gather_nd),
    op("NonZero", select::non_zero).infer(infer::movement::non_zero),
    op("Pad", pad::pad).infer(infer::slice::pad),
    op("Reshape", view::reshape).infer(infer::reshape::reshape),
    op("ReverseSequence", order::reverse_sequence).infer(infer::elementwise::same),
    op("Scatter", scatter::scatter_elements).infer(infer::movement::scatter_elements),
    op("ScatterElements", scatter::scatter_elements).infer(infer::movement::scatter_elements),
    op("ScatterND", scatter::scatter_nd).infer(infer::movement::scatter_nd),
    op("Shape", view::shape).infer(infer::reshape::shape),
    op("Size", view::size).infer(infer::reshape::size),
    op("Slice", slice::slice).infer(infer::slice::slice),
    op("SpaceToDepth", order::space_to_depth).infer(infer::reshape::blocks),
    op("Split", join::split).infer(infer::slice::split),
    op("Squeeze", view::squeeze).infer(infer::reshape::squeeze),
    op("TensorScatter", scatter::tensor_scatter).infer(infer::elementwise::same),
    op("Tile", slice::tile).infer(infer::slice::tile),
    op("Transpose", order::transpose).infer(infer::reshape::transpose),
    op("Trilu", select::trilu).infer(infer::elementwise::same),
    op("Unique", unique::unique).infer(infer::movement::unique),
    op("Unsqueeze", view::unsqueeze).infer(infer::reshape::unsqueeze),
    op("Where", select::choose_where).infer(infer::elements::choose),
];
