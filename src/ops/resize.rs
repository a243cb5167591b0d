//! Resizing, sampling, boxes.

mod axis;
mod boxes;
mod grid;
mod roi;
mod scaled;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("AffineGrid", grid::affine),
    op("GridSample", grid::sample),
    op("MaxRoiPool", roi::max_pool),
    op("NonMaxSuppression", boxes::select),
    op("Resize", scaled::resize),
    op("RoiAlign", roi::align),
    op("Upsample", scaled::upsample),
];
