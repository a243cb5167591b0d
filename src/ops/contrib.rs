//! Operators of ONNX Runtime (com.microsoft).

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
