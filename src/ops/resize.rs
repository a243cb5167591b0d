//! Resizing, sampling, boxes.

use super::Operator;

pub(super) static OPERATORS: &[Operator] = &[];
