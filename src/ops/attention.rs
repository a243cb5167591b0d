//! Attention, positions, and the operators of transformers.

pub(super) mod bias;
mod flex;
pub(super) mod heads;
mod linear;
pub(super) mod rotary;
pub(super) mod scaled;
pub(super) mod standard;

use super::{Operator, infer, op, preview};

pub(super) static OPERATORS: &[Operator] = &[
    op("Attention", standard::attention).infer(infer::attention::standard),
    op("LinearAttention", linear::linear_attention).infer(infer::attention::linear),
    op("RotaryEmbedding", rotary::rotary_embedding).infer(infer::elementwise::same),
    preview("FlexAttention", flex::flex_attention).infer(infer::attention::flex),
];
