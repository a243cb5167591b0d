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
{"config": {"architecture": "prefix_tuning", "flat": true, "prefix_length": 2, "leave_out": [], "non_linearity": "tanh", "use_gating": true, "shared_gating": false}, "hidden_size": 4, "name": "a", "version": "adapters.1.2.0"}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans = f32[16] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
const %layers.0.attn.prefix_tuning.pool.prefix_tunings.a.self_prefix.control_trans = f32[16] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
const %layers.0.attn.prefix_tuning.prefix_gates.a.weight = f32[2, 4] {1, 2, 3, 4, 5, 6, 7, 8}
const %layers.0.attn.prefix_tuning.prefix_gates.a.bias = f32[2] {9, 10}
---
; attn: 2 keys and values of 2 heads of 2, gated, 26 parameters, 48 FLOPs per token, k_split
model ir=8 opset ""=17
graph g(%x: f32[batch, n, 4], %mask: f32[batch, 1, 1, n]) -> (%y) {
  const %q = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %k = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %v = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %scale = f32[] {0.5}
  const %attn.prefix.gate.weight = f32[4, 2] {1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0} meta {"peftc.role": "prefix"}
  const %attn.prefix.gate.bias = f32[2] {9.0, 10.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/gate = i64[3] {-1, 1, 2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/gate/key = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/gate/value = i64[1] {1} meta {"peftc.role": "prefix"}
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 10.0, 11.0} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 6.0, 7.0, 12.0, 13.0, 14.0, 15.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/pads = i64[8] {0, 0, 0, 2, 0, 0, 0, 0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/seen = f32[] {0.0} meta {"peftc.role": "prefix"}
  %/attn/prefix/gate/MatMul_output_0 = MatMul(%x, %attn.prefix.gate.weight) name "/attn/prefix/gate/MatMul" meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/gate/Add_output_0 = Add(%/attn/prefix/gate/MatMul_output_0, %attn.prefix.gate.bias) name "/attn/prefix/gate/Add" meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/gate/Sigmoid_output_0 = Sigmoid(%/attn/prefix/gate/Add_output_0) name "/attn/prefix/gate/Sigmoid" meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/mask/Pad_output_0 = Pad(%mask, %/attn/prefix/mask/pads, %/attn/prefix/mask/seen) name "/attn/prefix/mask/Pad" {mode: "constant"} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %q_flat = MatMul(%x, %q) name "/attn/q/MatMul"
  %k_flat = MatMul(%x, %k) name "/attn/k/MatMul"
  %v_flat = MatMul(%x, %v) name "/attn/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/attn/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/attn/Reshape_1"
  %/prefix/batch/Shape_output_0 = Shape(%k_split) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/gate) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/gate/Reshape_output_0 = Reshape(%/attn/prefix/gate/Sigmoid_output_0, %/prefix/batch/Concat_output_0) name "/attn/prefix/gate/Reshape" meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/gate/ReduceMean_output_0 = ReduceMean(%/attn/prefix/gate/Reshape_output_0) name "/attn/prefix/gate/ReduceMean" {axes: ints [1], keepdims: 1} meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/gate/Gather_output_0 = Gather(%/attn/prefix/gate/ReduceMean_output_0, %/attn/prefix/gate/key) name "/attn/prefix/gate/Gather" {axis: 3} meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/gate/Gather_output_0.1 = Gather(%/attn/prefix/gate/ReduceMean_output_0, %/attn/prefix/gate/value) name "/attn/prefix/gate/Gather.1" {axis: 3} meta {"peftc.role": "prefix.gate", "peftc.site": "attn"}
  %/attn/prefix/key/Mul_output_0 = Mul(%attn.prefix.key, %/attn/prefix/gate/Gather_output_0) name "/attn/prefix/key/Mul" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Mul_output_0, %k_split) name "/attn/prefix/key/Concat" {axis: 1} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Mul_output_0 = Mul(%attn.prefix.value, %/attn/prefix/gate/Gather_output_0.1) name "/attn/prefix/value/Mul" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %v_split = Reshape(%v_flat, %split) name "/attn/Reshape_2"
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Mul_output_0, %v_split) name "/attn/prefix/value/Concat" {axis: 1} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
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
