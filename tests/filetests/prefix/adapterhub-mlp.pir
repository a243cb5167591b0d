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
{"config": {"architecture": "prefix_tuning", "flat": false, "prefix_length": 1, "leave_out": [], "non_linearity": "tanh", "use_gating": false, "shared_gating": true, "bottleneck_size": 2}, "hidden_size": 4, "name": "a", "version": "adapters.1.2.0"}
const %prefix_tuning.prefix_tunings.a.self_prefix.wte.weight = f32[1, 4] {1, 0, 0, 1}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans.0.weight = f32[2, 4] {1, 0, 0, 0, 0, 0, 0, -20}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans.0.bias = f32[2] {-1, 0}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans.2.weight = f32[8, 2] {5, 0, 5, 1, 5, 2, 5, 3, 5, 4, 5, 5, 5, 6, 5, 7}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans.2.bias = f32[8] {0, 0, 0, 0, 100, 100, 100, 100}
---
; attn: 1 keys and values of 2 heads of 2, 8 parameters, 16 FLOPs per token, k_split
model ir=8 opset ""=17
graph g(%x: f32[batch, n, 4], %mask: f32[batch, 1, 1, n]) -> (%y) {
  const %q = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %k = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %v = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %scale = f32[] {0.5}
  const %attn.prefix.key = f32[1, 1, 2, 2] {0.0, -1.0, -2.0, -3.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 1, 2, 2] {96.0, 95.0, 94.0, 93.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/pads = i64[8] {0, 0, 0, 1, 0, 0, 0, 0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/seen = f32[] {0.0} meta {"peftc.role": "prefix"}
  %/attn/prefix/mask/Pad_output_0 = Pad(%mask, %/attn/prefix/mask/pads, %/attn/prefix/mask/seen) name "/attn/prefix/mask/Pad" {mode: "constant"} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %q_flat = MatMul(%x, %q) name "/attn/q/MatMul"
  %k_flat = MatMul(%x, %k) name "/attn/k/MatMul"
  %v_flat = MatMul(%x, %v) name "/attn/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/attn/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/attn/Reshape_1"
  %/prefix/batch/Shape_output_0 = Shape(%k_split) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %k_split) name "/attn/prefix/key/Concat" {axis: 1} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %v_split = Reshape(%v_flat, %split) name "/attn/Reshape_2"
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v_split) name "/attn/prefix/value/Concat" {axis: 1} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %q_heads = Transpose(%q_split) name "/attn/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%/attn/prefix/key/Concat_output_0) name "/attn/Transpose_1" {perm: ints [0, 2, 3, 1]}
  %v_heads = Transpose(%/attn/prefix/value/Concat_output_0) name "/attn/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %products = MatMul(%q_heads, %k_heads) name "/attn/MatMul"
  %scores = Mul(%products, %scale) name "/attn/Mul"
  %masked = Add(%scores, %/attn/prefix/mask/Pad_output_0) name "/attn/Add"
  %weights = Softmax(%masked) name "/attn/Softmax" {axis: -1}
  %context = MatMul(%weights, %v_heads) name "/attn/MatMul_1"
  %context_split = Transpose(%context) name "/attn/Transpose_3" {perm: ints [0, 2, 1, 3]}
  %y = Reshape(%context_split, %join) name "/attn/Reshape_3"
}
