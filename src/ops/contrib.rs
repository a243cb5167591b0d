//! Operators of ONNX Runtime (com.microsoft).

mod bits;
mod fused;
mod quantized;

use super::{Operator, microsoft};

pub(super) static OPERATORS: &[Operator] = &[
    microsoft("DynamicQuantizeMatMul", quantized::dynamic_matmul),
    microsoft("FusedConv", fused::conv),
    microsoft("FusedGemm", fused::gemm),
    microsoft("FusedMatMul", fused::matmul),
    microsoft("MatMulBnb4", bits::matmul_bnb4),
    microsoft("MatMulIntegerToFloat", quantized::matmul_to_float),
    microsoft("MatMulNBits", bits::matmul_nbits),
    microsoft("QLinearAdd", quantized::add),
    microsoft("QLinearMul", quantized::mul),
];
