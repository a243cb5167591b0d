//! Quantization.

mod dynamic;
mod linear;
mod product;

pub(super) use dynamic::dynamic;
pub(super) use linear::saturated;
pub(super) use product::{Role, centred, per_axis};

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("ConvInteger", product::conv_integer),
    op("DequantizeLinear", linear::dequantize),
    op("DynamicQuantizeLinear", dynamic::quantize),
    op("MatMulInteger", product::matmul_integer),
    op("QLinearConv", product::qlinear_conv),
    op("QLinearMatMul", product::qlinear_matmul),
    op("QuantizeLinear", linear::quantize),
];
