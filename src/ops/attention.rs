//! Attention, positions, and the operators of transformers.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
