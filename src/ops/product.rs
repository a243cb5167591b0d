//! Matrix products and their relatives.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
