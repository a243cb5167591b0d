//! Operators that move elements: shapes, slices, gathers, scatters.

mod gather;
mod join;
mod order;
mod slice;
mod view;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("Concat", join::concat),
    op("Flatten", view::flatten),
    op("Gather", gather::gather),
    op("Reshape", view::reshape),
    op("Shape", view::shape),
    op("Size", view::size),
    op("Slice", slice::slice),
    op("Squeeze", view::squeeze),
    op("Transpose", order::transpose),
    op("Unsqueeze", view::unsqueeze),
];
