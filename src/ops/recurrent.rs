//! Recurrent layers.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
