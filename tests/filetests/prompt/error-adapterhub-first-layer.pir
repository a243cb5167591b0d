; test: pass prompt
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, 3], %mask: bool[batch, 1, 1, 3]) -> (%y) {
  const %table = f32[3, 4] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
  const %q = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %k = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %v = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %o = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %split = i64[4] {-1, 3, 2, 2}
  const %join = i64[3] {-1, 3, 4}
  const %least = f32[] {-1000}
  %embedded = Gather(%table, %input_ids) name "/embeddings/Gather"
  %q_flat = MatMul(%embedded, %q) name "/layer.0/attention/q/MatMul"
  %k_flat = MatMul(%embedded, %k) name "/layer.0/attention/k/MatMul"
  %v_flat = MatMul(%embedded, %v) name "/layer.0/attention/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/layer.0/attention/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/layer.0/attention/Reshape_1"
  %v_split = Reshape(%v_flat, %split) name "/layer.0/attention/Reshape_2"
  %q_heads = Transpose(%q_split) name "/layer.0/attention/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%k_split) name "/layer.0/attention/Transpose_1" {perm: ints [0, 2, 3, 1]}
  %v_heads = Transpose(%v_split) name "/layer.0/attention/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %products = MatMul(%q_heads, %k_heads) name "/layer.0/attention/MatMul"
  %masked = Where(%mask, %products, %least) name "/layer.0/attention/Where"
  %weights = Softmax(%masked) name "/layer.0/attention/Softmax" {axis: -1}
  %context = MatMul(%weights, %v_heads) name "/layer.0/attention/MatMul_1"
  %context_split = Transpose(%context) name "/layer.0/attention/Transpose_3" {perm: ints [0, 2, 1, 3]}
  %joined = Reshape(%context_split, %join) name "/layer.0/attention/Reshape_3"
  %o_flat = MatMul(%joined, %o) name "/layer.0/attention/o/MatMul"
  %hidden = Relu(%o_flat) name "/layer.0/Relu"
  %q_flat2 = MatMul(%hidden, %q) name "/layer.1/attention/q/MatMul"
  %k_flat2 = MatMul(%hidden, %k) name "/layer.1/attention/k/MatMul"
  %v_flat2 = MatMul(%hidden, %v) name "/layer.1/attention/v/MatMul"
  %q_split2 = Reshape(%q_flat2, %split) name "/layer.1/attention/Reshape"
  %k_split2 = Reshape(%k_flat2, %split) name "/layer.1/attention/Reshape_1"
  %v_split2 = Reshape(%v_flat2, %split) name "/layer.1/attention/Reshape_2"
  %q_heads2 = Transpose(%q_split2) name "/layer.1/attention/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads2 = Transpose(%k_split2) name "/layer.1/attention/Transpose_1" {perm: ints [0, 2, 3, 1]}
  %v_heads2 = Transpose(%v_split2) name "/layer.1/attention/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %products2 = MatMul(%q_heads2, %k_heads2) name "/layer.1/attention/MatMul"
  %masked2 = Where(%mask, %products2, %least) name "/layer.1/attention/Where"
  %weights2 = Softmax(%masked2) name "/layer.1/attention/Softmax" {axis: -1}
  %context2 = MatMul(%weights2, %v_heads2) name "/layer.1/attention/MatMul_1"
  %context_split2 = Transpose(%context2) name "/layer.1/attention/Transpose_3" {perm: ints [0, 2, 1, 3]}
  %joined2 = Reshape(%context_split2, %join) name "/layer.1/attention/Reshape_3"
  %o_flat2 = MatMul(%joined2, %o) name "/layer.1/attention/o/MatMul"
  %y = Add(%o_flat2, %hidden) name "/layer.1/attention/output/Add"
}
--- adapter
{"config": {"architecture": "prompt_tuning", "combine": "prefix", "prompt_length": 2}, "hidden_size": 4, "model_type": "bert", "name": "a", "version": "adapters.1.2.0"}
const %bert.prompt_tuning.prompt_tunings.a.prompt_embedding.weight = f32[2, 4] {0, 1, 2, 3, 4, 5, 6, 7}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): layer.0.attention: what the attention makes is added to nothing that it was computed from, so that the first layer is not known: put the prompt in before the other passes
