//! Quantization.

mod dynamic;
mod linear;
mod product;

pub(super) use dynamic::dynamic;
pub(super) use linear::saturated;
pub(super) use product::{Role, centred, per_axis};

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("ConvInteger", product::conv_integer).infer(infer::window::conv),
    op("DequantizeLinear", linear::dequantize).infer(infer::normalize::dequantize),
    op("DynamicQuantizeLinear", dynamic::quantize).infer(infer::normalize::dynamic_quantize),
    op("MatMulInteger", product::matmul_integer).infer(infer::product::matmul),
    op("QLinearConv", product::qlinear_conv).infer(infer::window::qlinear_conv),
    op("QLinearMatMul", product::qlinear_matmul).infer(infer::product::qlinear_matmul),
    op("QuantizeLinear", linear::quantize).infer(infer::normalize::quantize),
];
