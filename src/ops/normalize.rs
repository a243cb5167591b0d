//! Softmax, normalizations, losses, dropout.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
