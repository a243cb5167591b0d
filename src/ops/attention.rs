//! Attention, positions, and the operators of transformers.

pub(super) mod bias;
mod flex;
pub(super) mod heads;
mod linear;
pub(super) mod rotary;
pub(super) mod scaled;
pub(super) mod standard;

use super::{Operator, op, preview};

pub(super) static OPERATORS: &[Operator] = &[
    op("Attention", standard::attention),
    op("LinearAttention", linear::linear_attention),
    op("RotaryEmbedding", rotary::rotary_embedding),
    preview("FlexAttention", flex::flex_attention),
];
