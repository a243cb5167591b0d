//! Reductions, arguments, sorting and running sums.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
