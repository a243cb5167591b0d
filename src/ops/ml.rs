//! Operators of ai.onnx.ml.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
