//! Control flow, sequences, optionals.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
