//! Operators of ai.onnx.ml.

mod features;
mod labels;
mod linear;
mod scores;
mod tree;
mod vector;

use super::Operator;
use crate::error::{Error, Result};
use crate::ir::Tensor;

const fn op(name: &'static str, compute: super::Compute) -> Operator {
    Operator { domain: "ai.onnx.ml", name, compute }
}

pub(super) static OPERATORS: &[Operator] = &[
    op("ArrayFeatureExtractor", features::extract),
    op("Binarizer", features::binarize),
    op("CategoryMapper", labels::categories),
    op("FeatureVectorizer", features::join),
    op("Imputer", features::impute),
    op("LabelEncoder", labels::encode),
    op("LinearClassifier", linear::classify),
    op("LinearRegressor", linear::regress),
    op("Normalizer", features::normalize),
    op("OneHotEncoder", labels::one_hot),
    op("SVMClassifier", vector::classify),
    op("SVMRegressor", vector::regress),
    op("Scaler", features::scale),
    op("TreeEnsemble", tree::ensemble),
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
