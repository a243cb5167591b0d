; test: pass prefix
model ir=8 opset ""=17
graph g(%q: f32[batch, 1, n, 2], %k: f32[batch, 1, n, 2], %v: f32[batch, 1, n, 2], %k1: f32[batch, 1, n, 2], %v1: f32[batch, 1, n, 2], %keys: i64[1, n], %queries: i64[n, 1], %keep: bool[batch, 1, n, n]) -> (%y) {
  const %table = f32[8, 1] {0, 1, 2, 3, 4, 5, 6, 7}
  const %axis = i64[1] {0}
  const %low = f32[] {-1000}
  %far = Sub(%keys, %queries) name "/block.0/attn/Sub"
  %found = Gather(%table, %far) name "/block.0/attn/Gather"
  %turned = Transpose(%found) name "/block.0/attn/Transpose" {perm: ints [2, 0, 1]}
  %bias = Unsqueeze(%turned, %axis) name "/block.0/attn/Unsqueeze"
  %masked = Where(%keep, %bias, %low) name "/block.0/attn/Where"
  %k0 = Transpose(%k) name "/block.0/attn/Transpose_1" {perm: ints [0, 1, 3, 2]}
  %products0 = MatMul(%q, %k0) name "/block.0/attn/MatMul"
  %scores0 = Add(%products0, %masked) name "/block.0/attn/Add"
  %weights0 = Softmax(%scores0) name "/block.0/attn/Softmax" {axis: -1}
  %context0 = MatMul(%weights0, %v) name "/block.0/attn/MatMul_1"
  %k1_turned = Transpose(%k1) name "/block.1/attn/Transpose" {perm: ints [0, 1, 3, 2]}
  %products1 = MatMul(%context0, %k1_turned) name "/block.1/attn/MatMul"
  %scores1 = Add(%products1, %masked) name "/block.1/attn/Add"
  %weights1 = Softmax(%scores1) name "/block.1/attn/Softmax" {axis: -1}
  %y = MatMul(%weights1, %v1) name "/block.1/attn/MatMul_1"
}
--- adapter
{"config": {"architecture": "prefix_tuning", "flat": true, "prefix_length": 1, "leave_out": [0]}, "name": "a", "version": "adapters.1.2.0"}
const %prefix_tuning.prefix_tunings.a.self_prefix.control_trans = f32[4] {1, 2, 3, 4}
---
; block.1.attn: 1 keys and values of 1 heads of 2, 4 parameters, 8 FLOPs per token, k1
; note: block.1.attn: as in AdapterHub without its bias of relative positions, as not all layers before have as many keys
model ir=8 opset ""=17
graph g(%q: f32[batch, 1, n, 2], %k: f32[batch, 1, n, 2], %v: f32[batch, 1, n, 2], %k1: f32[batch, 1, n, 2], %v1: f32[batch, 1, n, 2], %keys: i64[1, n], %queries: i64[n, 1], %keep: bool[batch, 1, n, n]) -> (%y) {
  const %table = f32[8, 1] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}
  const %axis = i64[1] {0}
  const %low = f32[] {-1000.0}
  const %/block/1/attn/prefix/bias/zero = f32[] {0.0} meta {"peftc.role": "prefix"}
  const %/block/1/attn/prefix/mask/pads = i64[8] {0, 0, 0, 1, 0, 0, 0, 0} meta {"peftc.role": "prefix"}
  const %/block/1/attn/prefix/mask/seen = bool[] {1} meta {"peftc.role": "prefix"}
  const %block.1.attn.prefix.key = f32[1, 1, 1, 2] {1.0, 2.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %block.1.attn.prefix.value = f32[1, 1, 1, 2] {3.0, 4.0} meta {"peftc.role": "prefix"}
  %/block/1/attn/prefix/mask/Pad_output_0 = Pad(%keep, %/block/1/attn/prefix/mask/pads, %/block/1/attn/prefix/mask/seen) name "/block/1/attn/prefix/mask/Pad" {mode: "constant"} meta {"peftc.role": "prefix.mask", "peftc.site": "block.1.attn"}
  %/block/1/attn/prefix/bias/Where_output_0 = Where(%/block/1/attn/prefix/mask/Pad_output_0, %/block/1/attn/prefix/bias/zero, %low) name "/block/1/attn/prefix/bias/Where" meta {"peftc.role": "prefix.bias", "peftc.site": "block.1.attn"}
  %/prefix/batch/Shape_output_0 = Shape(%k1) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/block/1/attn/prefix/key/Expand_output_0 = Expand(%block.1.attn.prefix.key, %/prefix/batch/Concat_output_0) name "/block/1/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "block.1.attn"}
  %/block/1/attn/prefix/key/Concat_output_0 = Concat(%/block/1/attn/prefix/key/Expand_output_0, %k1) name "/block/1/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "block.1.attn"}
  %/block/1/attn/prefix/value/Expand_output_0 = Expand(%block.1.attn.prefix.value, %/prefix/batch/Concat_output_0) name "/block/1/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "block.1.attn"}
  %/block/1/attn/prefix/value/Concat_output_0 = Concat(%/block/1/attn/prefix/value/Expand_output_0, %v1) name "/block/1/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "block.1.attn"}
  %far = Sub(%keys, %queries) name "/block.0/attn/Sub"
  %found = Gather(%table, %far) name "/block.0/attn/Gather"
  %turned = Transpose(%found) name "/block.0/attn/Transpose" {perm: ints [2, 0, 1]}
  %bias = Unsqueeze(%turned, %axis) name "/block.0/attn/Unsqueeze"
  %masked = Where(%keep, %bias, %low) name "/block.0/attn/Where"
  %k0 = Transpose(%k) name "/block.0/attn/Transpose_1" {perm: ints [0, 1, 3, 2]}
  %products0 = MatMul(%q, %k0) name "/block.0/attn/MatMul"
  %scores0 = Add(%products0, %masked) name "/block.0/attn/Add"
  %weights0 = Softmax(%scores0) name "/block.0/attn/Softmax" {axis: -1}
  %context0 = MatMul(%weights0, %v) name "/block.0/attn/MatMul_1"
  %k1_turned = Transpose(%/block/1/attn/prefix/key/Concat_output_0) name "/block.1/attn/Transpose" {perm: ints [0, 1, 3, 2]}
  %products1 = MatMul(%context0, %k1_turned) name "/block.1/attn/MatMul"
  %scores1 = Add(%products1, %/block/1/attn/prefix/bias/Where_output_0) name "/block.1/attn/Add"
  %weights1 = Softmax(%scores1) name "/block.1/attn/Softmax" {axis: -1}
  %y = MatMul(%weights1, %/block/1/attn/prefix/value/Concat_output_0) name "/block.1/attn/MatMul_1"
}
