//! Activations with parameters.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
