//! Scores of classes and targets, and the labels that they choose.

use crate::error::{Error, Result};
use crate::ir::DataType;
use crate::ops::activation::sigmoid;
use crate::ops::elements::of_strings;
use crate::ops::numbers::{of_floats, of_i64s};
use crate::ops::shape::dims;
use crate::ops::{Call, Value};
use bytes::Bytes;

/// What is done to the scores of a row.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Transform {
    None,
    Softmax,
    Logistic,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        Ok(match call.string("post_transform")?.as_str() {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            other => {
                let error = Error::input(format!("post_transform is {other:?}"));
                let known = "NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO and PROBIT are accepted";
                return Err(error.help(known));
            }
        })
    }

    pub(super) fn apply(self, row: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => row.iter_mut().for_each(|x| *x = sigmoid(*x)),
            Self::Probit => row.iter_mut().for_each(|x| *x = probit(*x)),
            Self::Softmax => softmax(row, |_| false),
            // Scores of 0 stay 0.
            Self::SoftmaxZero => softmax(row, |x| x.abs() <= 1e-7),
        }
    }
}

/// The scores of two classes from one that is for the second: a probability, or one side of 0.
pub(super) fn pair(score: f64, is_probability: bool, transform: Transform) -> Vec<f64> {
    let other = match transform {
        Transform::Logistic => -score,
        _ if is_probability => 1.0 - score,
        _ => -score,
    };
    let mut row = vec![other, score];
    transform.apply(&mut row);
    row
}

/// √2·erf⁻¹(2x − 1), with S. Winitzki's approximation of erf⁻¹ (2008), as ONNX's reference and ONNX
/// Runtime have it.
fn probit(x: f64) -> f64 {
    const A: f64 = 0.147;
    let y = 2.0 * x - 1.0;
    let log = ((1.0 - y) * (1.0 + y)).ln();
    let half = 2.0 / (std::f64::consts::PI * A) + log / 2.0;
    let root = ((half * half - log / A).sqrt() - half).sqrt();
    std::f64::consts::SQRT_2 * root.copysign(y)
}

fn softmax(row: &mut [f64], stays: impl Fn(f64) -> bool) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|x| *x = if stays(*x) { 0.0 } else { (*x - most).exp() });
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x = if sum == 0.0 { 0.5 } else { *x / sum });
}

/// The labels of classes.
pub(super) enum Labels {
    Integers(Vec<i64>),
    Strings(Vec<Bytes>),
}

impl Labels {
    /// The labels of an operator, whose integers have this attribute.
    pub(super) fn of(call: &Call<'_>, integers: &str) -> Result<Self> {
        match call.strings("classlabels_strings")? {
            Some(strings) if !strings.is_empty() => Ok(Self::Strings(strings.to_vec())),
            _ => Ok(Self::Integers(call.ints(integers)?.unwrap_or_default())),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Integers(all) => all.len(),
            Self::Strings(all) => all.len(),
        }
    }

    /// The labels 0 and 1 where there are not two.
    pub(super) fn two(self) -> Self {
        match self {
            Self::Integers(all) if all.len() != 2 => Self::Integers(vec![0, 1]),
            Self::Strings(all) if all.len() != 2 => Self::Strings(vec!["0".into(), "1".into()]),
            two => two,
        }
    }

    /// The labels of chosen classes, and the scores of all rows.
    pub(super) fn chosen(&self, chosen: &[usize], scores: &[Vec<f64>]) -> Result<Vec<Value>> {
        if let Some(&class) = chosen.iter().find(|&&class| class >= self.len()) {
            return Err(Error::input(format!(
                "there are {} labels, none of class {class}",
                self.len()
            )));
        }
        let shape = dims(&[chosen.len()]);
        let labels = match self {
            Self::Integers(all) => {
                of_i64s(&shape, &chosen.iter().map(|&class| all[class]).collect::<Vec<_>>())
            }
            Self::Strings(all) => {
                of_strings(shape, chosen.iter().map(|&class| all[class].clone()).collect())
            }
        };
        Ok(vec![labels.into(), matrix(scores, scores.first().map_or(self.len(), Vec::len))?])
    }
}

/// Rows of as many numbers, as float32.
pub(super) fn matrix(rows: &[Vec<f64>], width: usize) -> Result<Value> {
    Ok(of_floats(DataType::F32, &dims(&[rows.len(), width]), &rows.concat())?.into())
}

/// The first of the greatest.
pub(super) fn greatest(row: &[f64]) -> usize {
    let first = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
    (0..row.len()).fold(0, first)
}
