//! Operators of ONNX Runtime (com.microsoft).

mod attention;
mod bits;
mod embed;
mod fused;
mod gelu;
mod group_query;
mod mask;
mod multi_head;
mod norm;
mod quantized;
mod rotary;

pub(crate) use bits::dequantized;

use super::activation::{gelu_by_tanh, gelu_exact};
use super::{Operator, infer, microsoft};

pub(super) static OPERATORS: &[Operator] = &[
    microsoft("Attention", attention::attention).infer(infer::attention::projecting),
    microsoft("BiasGelu", |c| gelu::activation(c, gelu_exact)).infer(infer::elementwise::same),
    microsoft("EmbedLayerNormalization", embed::embed_layer_normalization)
        .infer(infer::normalize::embed_layer),
    microsoft("FastGelu", |c| gelu::activation(c, gelu_by_tanh)).infer(infer::elementwise::same),
    microsoft("Gelu", |c| gelu::activation(c, gelu_exact)).infer(infer::elementwise::same),
    microsoft("GroupQueryAttention", group_query::group_query_attention)
        .infer(infer::attention::group_query),
    microsoft("MultiHeadAttention", multi_head::multi_head_attention)
        .infer(infer::attention::multi_head),
    microsoft("QuickGelu", gelu::quick_gelu).infer(infer::elementwise::same),
    microsoft("RotaryEmbedding", rotary::rotary_embedding).infer(infer::elementwise::same),
    microsoft("SkipLayerNormalization", norm::skip_layer_normalization)
        .infer(infer::normalize::skip_layer),
    microsoft("SkipSimplifiedLayerNormalization", norm::skip_simplified_layer_normalization)
        .infer(infer::normalize::skip_layer),
    microsoft("DynamicQuantizeMatMul", quantized::dynamic_matmul).infer(infer::product::matmul),
    microsoft("FusedConv", fused::conv).infer(infer::window::conv),
    microsoft("FusedGemm", fused::gemm).infer(infer::product::gemm),
    microsoft("FusedMatMul", fused::matmul).infer(infer::product::fused_matmul),
    microsoft("MatMulBnb4", bits::matmul_bnb4).infer(infer::product::packed_matmul),
    microsoft("MatMulIntegerToFloat", quantized::matmul_to_float)
        .infer(infer::product::matmul_to_float),
    microsoft("MatMulNBits", bits::matmul_nbits).infer(infer::product::packed_matmul),
    microsoft("QLinearAdd", quantized::add).infer(infer::normalize::qlinear_elementwise),
    microsoft("QLinearMul", quantized::mul).infer(infer::normalize::qlinear_elementwise),
];
