//! Convolutions and pooling.

mod causal;
mod col2im;
mod conv;
mod deform;
mod pool;
mod transpose;
mod unpool;
mod window;

pub(super) use conv::{conv, convolve, with_bias};

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("AveragePool", pool::average).infer(infer::window::pool),
    op("CausalConvWithState", causal::conv).infer(infer::window::causal),
    op("Col2Im", col2im::col2im).infer(infer::window::col2im),
    op("Conv", |c| Ok(vec![conv::conv(c)?.into()])).infer(infer::window::conv),
    op("ConvTranspose", transpose::conv).infer(infer::window::transposed),
    op("DeformConv", deform::conv).infer(infer::window::conv),
    op("GlobalAveragePool", pool::global_average).infer(infer::window::global_pool),
    op("GlobalLpPool", pool::global_lp).infer(infer::window::global_pool),
    op("GlobalMaxPool", pool::global_max).infer(infer::window::global_pool),
    op("LpPool", pool::lp).infer(infer::window::pool),
    op("MaxPool", pool::max).infer(infer::window::pool),
    op("MaxUnpool", unpool::max).infer(infer::window::unpool),
];
