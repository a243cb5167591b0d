//! Operators of ai.onnx.ml.

mod features;
mod labels;
mod linear;
mod scores;
mod tree;
mod vector;

use super::{Operator, infer};
use crate::error::{Error, Result};
use crate::ir::Tensor;

const fn op(name: &'static str, compute: super::Compute) -> Operator {
    Operator::new("ai.onnx.ml", name, compute)
}

pub(super) static OPERATORS: &[Operator] = &[
    op("ArrayFeatureExtractor", features::extract).infer(infer::features::extracted),
    op("Binarizer", features::binarize).infer(infer::elementwise::same),
    op("CategoryMapper", labels::categories).infer(infer::features::encoded),
    op("FeatureVectorizer", features::join).infer(infer::features::joined),
    op("Imputer", features::impute).infer(infer::elementwise::same),
    op("LabelEncoder", labels::encode).infer(infer::features::encoded),
    op("LinearClassifier", linear::classify),
    op("LinearRegressor", linear::regress),
    op("Normalizer", features::normalize).infer(infer::elementwise::same),
    op("OneHotEncoder", labels::one_hot).infer(infer::features::one_hot),
    op("SVMClassifier", vector::classify),
    op("SVMRegressor", vector::regress),
    op("Scaler", features::scale).infer(infer::elementwise::same),
    op("TreeEnsemble", tree::ensemble).infer(infer::features::trees),
    op("TreeEnsembleClassifier", tree::classify),
    op("TreeEnsembleRegressor", tree::regress),
];

/// The rows of a tensor [N, F], or of one [F]: how many, and how long.
fn rows(tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims[..] {
        [features] => Ok((1, features as usize)),
        [rows, features] => Ok((rows as usize, features as usize)),
        _ => {
            let error = Error::input(format!("the shape is {:?}", tensor.dims));
            Err(error.help("[N, F] and [F] are accepted"))
        }
    }
}
