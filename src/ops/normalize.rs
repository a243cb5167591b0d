//! Softmax, normalizations and losses.

mod axis;
mod channel;
mod layer;
mod loss;
mod softmax;

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("BatchNormalization", channel::batch).infer(infer::normalize::batch),
    op("GroupNormalization", channel::group).infer(infer::elementwise::same),
    op("Hardmax", |c| softmax::along(c, softmax::hardmax)).infer(infer::elementwise::same),
    op("InstanceNormalization", channel::instance).infer(infer::elementwise::same),
    op("LayerNormalization", layer::layer).infer(infer::normalize::layer),
    op("LogSoftmax", |c| softmax::along(c, softmax::log_softmax)).infer(infer::elementwise::same),
    op("LpNormalization", axis::lp).infer(infer::elementwise::same),
    op("LRN", axis::local_response).infer(infer::elementwise::same),
    op("MeanVarianceNormalization", axis::mean_variance).infer(infer::elementwise::same),
    op("NegativeLogLikelihoodLoss", loss::negative_log_likelihood).infer(infer::normalize::loss),
    op("RMSNormalization", layer::root_mean_square).infer(infer::normalize::layer),
    op("SimplifiedLayerNormalization", layer::root_mean_square).infer(infer::normalize::layer),
    op("Softmax", |c| softmax::along(c, softmax::softmax)).infer(infer::elementwise::same),
    op("SoftmaxCrossEntropyLoss", loss::cross_entropy).infer(infer::normalize::loss),
];

/// Mean and variance.
fn moments(x: &[f64]) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    (mean, x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}
