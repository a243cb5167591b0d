; test: pass prompt task=0
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
  %y = Add(%o_flat, %embedded) name "/layer.0/attention/output/Add"
}
--- adapter
{"config": {"architecture": "prompt_tuning", "combine": "prefix", "prompt_length": 2}, "hidden_size": 4, "model_type": "bert", "name": "a", "version": "adapters.1.2.0"}
const %bert.prompt_tuning.prompt_tunings.a.prompt_embedding.weight = f32[2, 4] {0, 1, 2, 3, 4, 5, 6, 7}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): task is for a multitask prompt, which this one is not: leave it out
