//! Composite operators.

use super::{assert_same, operators, random};
use crate::ir::{DataType, Model};
use crate::ops::Value;
use crate::ops::numbers::{of_bools, of_integers};

/// A model of these inputs and outputs, and what makes these.
fn model(inputs: &str, outputs: &str, nodes: &str) -> String {
    format!(
        "model ir=10 opset \"\"=23 opset \"com.microsoft\"=1\n\
         graph main({inputs}) -> ({outputs}) {{\n{nodes}\n}}"
    )
}

fn numbers(dims: &[i64]) -> Option<Value> {
    Some(random(dims, dims.iter().sum::<i64>() as u64))
}

fn integers(dtype: DataType, dims: &[i64], integers: &[i128]) -> Option<Value> {
    Some(of_integers(dtype, dims, integers).expect("it is a type of integers").into())
}

/// Asserts that an operator is rewritten, and nothing changes.
fn assert_rewritten(op_type: &str, text: &str, inputs: &[Option<Value>]) -> Model {
    let model = assert_same(text, inputs);
    assert!(!operators(&model).contains(&op_type.to_owned()), "{op_type} is left");
    model
}

fn count(model: &Model, op_type: &str) -> usize {
    operators(model).iter().filter(|own| *own == op_type).count()
}

#[test]
fn normalized_sums() {
    let text = model(
        "%x: f32[b, 3, 8], %skip: f32[3, 8], %g: f32[8], %bias: f32[8]",
        "%y, %sum, %z",
        r#"%y, %mean, %inverse, %sum = "com.microsoft"::SkipLayerNormalization(%x, %skip, %g, %bias, %bias)
           %z, _, %i = "com.microsoft"::SkipSimplifiedLayerNormalization(%y, %sum, %g)"#,
    );
    let inputs = [numbers(&[2, 3, 8]), numbers(&[3, 8]), numbers(&[8]), numbers(&[8])];
    let model = assert_same(&text, &inputs);
    let expected = ["Add", "Add", "LayerNormalization", "Add", "SimplifiedLayerNormalization"];
    assert_eq!(operators(&model), expected);
}

#[test]
fn embeddings() {
    let text = model(
        "%ids: i32[b, s], %mask: i32[b, s], %w: f32[9, 4], %p: f32[5, 4], %g: f32[4]",
        "%y, %counts, %sum",
        r#"%y, %counts, %sum = "com.microsoft"::EmbedLayerNormalization(%ids, %mask, %w, %p, %w, %g, %g, %mask)"#,
    );
    let ids = integers(DataType::I32, &[2, 3], &[1, 8, 3, 0, 5, 6]);
    let mask = integers(DataType::I32, &[2, 3], &[1, 1, 0, 1, 0, 0]);
    let inputs = [ids, mask, numbers(&[9, 4]), numbers(&[5, 4]), numbers(&[4])];
    assert_rewritten("EmbedLayerNormalization", &text, &inputs);
}

#[test]
fn products() {
    let text = model(
        "%a: f32[2, 3, 4], %b: f32[2, 5, 3]",
        "%y, %z, %e, %g",
        r#"%y = "com.microsoft"::FusedMatMul(%a, %b) {transA: 1, transB: 1, alpha: 0.5}
           %z = Einsum(%a, %b) {equation: "bij,bki->bkj"}
           %e = Einsum(%a, %y) {equation: "xhd,yde->yxhe"}
           %g = "com.microsoft"::BiasGelu(%y, %bias)
           const %bias = f32[5] {0.5, -0.5, 1.0, 2.0, 0.0}"#,
    );
    let model = assert_same(&text, &[numbers(&[2, 3, 4]), numbers(&[2, 5, 3])]);
    let left = ["FusedMatMul", "Einsum", "BiasGelu"];
    assert!(operators(&model).iter().all(|op| !left.contains(&op.as_str())));
}

#[test]
fn products_with_weights_of_four_bits() {
    let text = model(
        "%x: f32[b, 16]",
        "%y, %z",
        r#"const %codes = u8[1, 1, 8] {1, 35, 69, 103, 137, 171, 205, 239}
           const %scale = f32[1, 1] {0.5}
           const %one = f32[1] {0.5}
           %y = "com.microsoft"::MatMulNBits(%x, %codes, %scale) {K: 16, N: 1, bits: 4, block_size: 16}
           %z = "com.microsoft"::MatMulBnb4(%x, %codes, %one) {K: 16, N: 1, block_size: 16, quant_type: 1}"#,
    );
    let model = assert_same(&text, &[numbers(&[2, 16])]);
    assert_eq!(operators(&model), ["MatMul", "MatMul"]);
    assert_eq!(model.graph.initializers().len(), 2);
}

#[test]
fn rotations() {
    let text = model(
        "%x: f32[b, s, 8], %c: f32[16, 2], %s: f32[16, 2], %ids: i64[b, s]",
        "%y, %z",
        r#"%y = RotaryEmbedding(%x, %c, %s, %ids) {num_heads: 2}
           %z = "com.microsoft"::RotaryEmbedding(%x, %ids, %c, %s) {interleaved: 1}"#,
    );
    let ids = integers(DataType::I64, &[2, 3], &[0, 1, 2, 7, 8, 9]);
    let inputs = [numbers(&[2, 3, 8]), numbers(&[16, 2]), numbers(&[16, 2]), ids];
    assert_rewritten("RotaryEmbedding", &text, &inputs);
}

#[test]
fn attention_of_groups_shares_its_causal_mask() {
    let text = model(
        "%q: f32[b, s, 16], %k: f32[b, s, 8], %pk: f32[b, 2, p, 4], %pv: f32[b, 2, p, 4]",
        "%z, %kk, %vv",
        r#"%y, %kk, %vv = Attention(%q, %k, %k, _, %pk, %pv) {is_causal: 1, q_num_heads: 4, kv_num_heads: 2}
           %z = Attention(%y, %k, %k, _, %pk, %pv) {is_causal: 1, q_num_heads: 4, kv_num_heads: 2, softcap: 2.0}"#,
    );
    let cache = numbers(&[2, 2, 5, 4]);
    let inputs = [numbers(&[2, 3, 16]), numbers(&[2, 3, 8]), cache.clone(), cache];
    let model = assert_rewritten("Attention", &text, &inputs);
    assert_eq!((count(&model, "MatMul"), count(&model, "LessOrEqual")), (4, 1));
    assert_eq!(count(&model, "Expand"), 0);
}

#[test]
fn attention_with_a_mask_gives_0_where_a_query_sees_nothing() {
    let text = model(
        "%q: f32[1, 2, 2, 4], %mask: bool[2, 3], %add: f32[1, 2, 2, 3]",
        "%y, %s, %z",
        r#"const %k = f32[1, 2, 3, 4] {0.5, 1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.25, 0.5, 1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.25, 0.5, 1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.25}
           %y, _, _, %s = Attention(%q, %k, %k, %mask) {is_causal: 1, qk_matmul_output_mode: 1, softcap: 1.0}
           %z = Attention(%q, %k, %k, %add) {scale: 0.5}"#,
    );
    let mask = of_bools(&[2, 3], &[false, true, true, true, false, true]);
    let inputs = [numbers(&[1, 2, 2, 4]), Some(mask.into()), numbers(&[1, 2, 2, 3])];
    assert_rewritten("Attention", &text, &inputs);
}

#[test]
fn attention_of_onnx_runtime() {
    let text = model(
        "%x: f32[b, s, 6], %w: f32[6, 24], %bias: f32[24], %mask: i32[b, s]",
        "%y, %z, %k",
        r#"%y = "com.microsoft"::Attention(%x, %w, %bias, %mask) {num_heads: 2, unidirectional: 1}
           %z, %k = "com.microsoft"::MultiHeadAttention(%y, %y, %y, %bias, %mask) {num_heads: 2}"#,
    );
    let mask = integers(DataType::I32, &[2, 3], &[1, 1, 0, 1, 0, 0]);
    let inputs = [numbers(&[2, 3, 6]), numbers(&[6, 24]), numbers(&[24]), mask];
    let model = assert_rewritten("Attention", &text, &inputs);
    assert_eq!(count(&model, "MultiHeadAttention"), 0);
}

#[test]
fn attention_with_sequences_of_lengths_of_their_own() {
    let text = model(
        "%x: f32[b, s, 32], %pk: f32[b, 2, p, 4], %pv: f32[b, 2, p, 4], %last: i32[b], %total: i32[], %c: f32[16, 2]",
        "%y, %k, %v",
        r#"%y, %k, %v = "com.microsoft"::GroupQueryAttention(%x, _, _, %pk, %pv, %last, %total, %c, %c) {num_heads: 4, kv_num_heads: 2, do_rotary: 1, local_window_size: 3}"#,
    );
    for (past, total, last) in [(5, 6, [5, 2]), (9, 6, [4, 5]), (0, 2, [1, 0])] {
        let cache = numbers(&[2, 2, past, 4]);
        let (last, total) =
            (integers(DataType::I32, &[2], &last), integers(DataType::I32, &[], &[total]));
        let x = numbers(&[2, 2, 32]);
        let inputs = [x, cache.clone(), cache, last, total, numbers(&[16, 2])];
        assert_rewritten("GroupQueryAttention", &text, &inputs);
    }
}

#[test]
fn what_a_rewrite_does_not_know_stays() {
    let text = model(
        "%x: f32[2, 3, 4], %scale: f32[4]",
        "%y, %mean, %z",
        r#"%y, %mean = "com.microsoft"::SkipSimplifiedLayerNormalization(%x, %x, %scale)
           %z = Einsum(%x, %x) {equation: "bij,bkl->bi"}"#,
    );
    let model = assert_same(&text, &[numbers(&[2, 3, 4]), numbers(&[4])]);
    assert_eq!(operators(&model), ["SkipSimplifiedLayerNormalization", "Einsum"]);
}
