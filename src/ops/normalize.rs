//! Softmax, normalizations and losses.

mod axis;
mod channel;
mod layer;
mod loss;
mod softmax;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("BatchNormalization", channel::batch),
    op("GroupNormalization", channel::group),
    op("Hardmax", |c| softmax::along(c, softmax::hardmax)),
    op("InstanceNormalization", channel::instance),
    op("LayerNormalization", layer::layer),
    op("LogSoftmax", |c| softmax::along(c, softmax::log_softmax)),
    op("LpNormalization", axis::lp),
    op("LRN", axis::local_response),
    op("MeanVarianceNormalization", axis::mean_variance),
    op("NegativeLogLikelihoodLoss", loss::negative_log_likelihood),
    op("RMSNormalization", layer::root_mean_square),
    op("SimplifiedLayerNormalization", layer::root_mean_square),
    op("Softmax", |c| softmax::along(c, softmax::softmax)),
    op("SoftmaxCrossEntropyLoss", loss::cross_entropy),
];

/// Mean and variance.
fn moments(x: &[f64]) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    (mean, x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}
