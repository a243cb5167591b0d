//! Operators that move elements: shapes, slices, gathers, scatters.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
