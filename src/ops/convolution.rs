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

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("AveragePool", pool::average),
    op("CausalConvWithState", causal::conv),
    op("Col2Im", col2im::col2im),
    op("Conv", |c| Ok(vec![conv::conv(c)?.into()])),
    op("ConvTranspose", transpose::conv),
    op("DeformConv", deform::conv),
    op("GlobalAveragePool", pool::global_average),
    op("GlobalLpPool", pool::global_lp),
    op("GlobalMaxPool", pool::global_max),
    op("LpPool", pool::lp),
    op("MaxPool", pool::max),
    op("MaxUnpool", unpool::max),
];
