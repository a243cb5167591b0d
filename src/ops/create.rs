//! Operators that make tensors of attributes, sizes or other types: constants, ranges, casts.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
