; test: pass prefix
model ir=8 opset ""=17
graph g(%x: f32[batch, n, 4], %mask: f32[batch, 1, 1, n]) -> (%y) {
  const %q = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %k = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %v = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %scale = f32[] {0.5}
  %q_flat = MatMul(%x, %q) name "/attn/q/MatMul"
  %k_flat = MatMul(%x, %k) name "/attn/k/MatMul"
  %v_flat = MatMul(%x, %v) name "/attn/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/attn/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/attn/Reshape_1"
  %v_split = Reshape(%v_flat, %split) name "/attn/Reshape_2"
  %q_heads = Transpose(%q_split) name "/attn/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%k_split) name "/attn/Transpose_1" {perm: ints [0, 2, 3, 1]}
  %v_heads = Transpose(%v_split) name "/attn/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %products = MatMul(%q_heads, %k_heads) name "/attn/MatMul"
  %scores = Mul(%products, %scale) name "/attn/Mul"
  %masked = Add(%scores, %mask) name "/attn/Add"
  %weights = Softmax(%masked) name "/attn/Softmax" {axis: -1}
  %context = MatMul(%weights, %v_heads) name "/attn/MatMul_1"
  %context_split = Transpose(%context) name "/attn/Transpose_3" {perm: ints [0, 2, 1, 3]}
  %y = Reshape(%context_split, %join) name "/attn/Reshape_3"
}
--- adapter
{"config": {"architecture": "prefix_tuning", "flat": true, "prefix_length": 0, "leave_out": [], "non_linearity": "tanh", "use_gating": false, "shared_gating": true}, "hidden_size": 4, "name": "a", "version": "adapters.1.2.0"}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans = f32[16] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
const %layers.0.attn.prefix_tuning.pool.prefix_tunings.a.self_prefix.control_trans = f32[16] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
---
error: pass "prefix" (plugin peftc-plugin-prefix 0.1.0): adapter_config.json: "prefix_length" is 0, expected 1 or more
