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
use super::{Operator, microsoft};

pub(super) static OPERATORS: &[Operator] = &[
    microsoft("Attention", attention::attention),
    microsoft("BiasGelu", |c| gelu::activation(c, gelu_exact)),
    microsoft("EmbedLayerNormalization", embed::embed_layer_normalization),
    microsoft("FastGelu", |c| gelu::activation(c, gelu_by_tanh)),
    microsoft("Gelu", |c| gelu::activation(c, gelu_exact)),
    microsoft("GroupQueryAttention", group_query::group_query_attention),
    microsoft("MultiHeadAttention", multi_head::multi_head_attention),
    microsoft("QuickGelu", gelu::quick_gelu),
    microsoft("RotaryEmbedding", rotary::rotary_embedding),
    microsoft("SkipLayerNormalization", norm::skip_layer_normalization),
    microsoft("SkipSimplifiedLayerNormalization", norm::skip_simplified_layer_normalization),
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
