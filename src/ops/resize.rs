//! Resizing, sampling, boxes.

mod axis;
mod boxes;
mod grid;
mod roi;
mod scaled;

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("AffineGrid", grid::affine).infer(infer::sample::affine),
    op("GridSample", grid::sample).infer(infer::sample::grid),
    op("MaxRoiPool", roi::max_pool).infer(infer::sample::regions),
    op("NonMaxSuppression", boxes::select).infer(infer::sample::boxes),
    op("Resize", scaled::resize).infer(infer::sample::resize),
    op("RoiAlign", roi::align).infer(infer::sample::regions),
    op("Upsample", scaled::upsample).infer(infer::sample::resize),
];
