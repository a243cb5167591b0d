; test: pass prompt
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n], %real: bool[batch, 1, 1, n]) -> (%y) {
  const %table = f32[3, 4] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
  const %q = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %k = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %v = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %o = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %least = f32[] {-1000}
  const %one = i64[1] {1}
  const %ones = i64[2] {1, 1}
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
  %shape = Shape(%embedded) name "/Shape"
  %row = Gather(%shape, %one) name "/Gather"
  %rows = Concat(%ones, %row, %row) name "/Concat" {axis: 0}
  %mask = Expand(%real, %rows) name "/Expand"
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
; prompt: 2 tokens of 4, 8 parameters, embedded
; note: 2 learned tokens are computed in front of every sequence, without positions
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n], %real: bool[batch, 1, 1, n]) -> (%y) {
  const %table = f32[3, 4] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0}
  const %q = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %k = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %v = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %o = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %least = f32[] {-1000.0}
  const %one = i64[1] {1}
  const %ones = i64[2] {1, 1}
  const %prompt.embeddings = f32[1, 2, 4] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0} meta {"peftc.role": "prompt"}
  const %/prompt/first = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/ones = i64[2] {1, 1} meta {"peftc.role": "prompt"}
  const %/prompt/mask/axis = i64[1] {1} meta {"peftc.role": "prompt"}
  const %/prompt/mask/ones = i64[2] {1, 1} meta {"peftc.role": "prompt"}
  const %/prompt/mask/seen = bool[] {1} meta {"peftc.role": "prompt"}
  const %/prompt/mask/pads = i64[8] {0, 0, 2, 2, 0, 0, 0, 0} meta {"peftc.role": "prompt"}
  %embedded = Gather(%table, %input_ids) name "/embeddings/Gather"
  %/prompt/Shape_output_0 = Shape(%embedded) name "/prompt/Shape" meta {"peftc.role": "prompt"}
  %/prompt/Gather_output_0 = Gather(%/prompt/Shape_output_0, %/prompt/first) name "/prompt/Gather" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0 = Concat(%/prompt/Gather_output_0, %/prompt/ones) name "/prompt/Concat" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Expand_output_0 = Expand(%prompt.embeddings, %/prompt/Concat_output_0) name "/prompt/Expand" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.1 = Concat(%/prompt/Expand_output_0, %embedded) name "/prompt/Concat.1" {axis: 1} meta {"peftc.role": "prompt"}
  %/prompt/mask/Shape_output_0 = Shape(%embedded) name "/prompt/mask/Shape" meta {"peftc.role": "prompt.mask"}
  %/prompt/mask/Gather_output_0 = Gather(%/prompt/mask/Shape_output_0, %/prompt/mask/axis) name "/prompt/mask/Gather" meta {"peftc.role": "prompt.mask"}
  %/prompt/mask/Concat_output_0 = Concat(%/prompt/mask/ones, %/prompt/mask/Gather_output_0, %/prompt/mask/Gather_output_0) name "/prompt/mask/Concat" {axis: 0} meta {"peftc.role": "prompt.mask"}
  %q_flat = MatMul(%/prompt/Concat_output_0.1, %q) name "/layer.0/attention/q/MatMul"
  %k_flat = MatMul(%/prompt/Concat_output_0.1, %k) name "/layer.0/attention/k/MatMul"
  %v_flat = MatMul(%/prompt/Concat_output_0.1, %v) name "/layer.0/attention/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/layer.0/attention/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/layer.0/attention/Reshape_1"
  %v_split = Reshape(%v_flat, %split) name "/layer.0/attention/Reshape_2"
  %q_heads = Transpose(%q_split) name "/layer.0/attention/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%k_split) name "/layer.0/attention/Transpose_1" {perm: ints [0, 2, 3, 1]}
  %v_heads = Transpose(%v_split) name "/layer.0/attention/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %products = MatMul(%q_heads, %k_heads) name "/layer.0/attention/MatMul"
  %shape = Shape(%embedded) name "/Shape"
  %row = Gather(%shape, %one) name "/Gather"
  %rows = Concat(%ones, %row, %row) name "/Concat" {axis: 0}
  %mask = Expand(%real, %rows) name "/Expand"
  %/prompt/mask/Expand_output_0 = Expand(%mask, %/prompt/mask/Concat_output_0) name "/prompt/mask/Expand" meta {"peftc.role": "prompt.mask"}
  %/prompt/mask/Pad_output_0 = Pad(%/prompt/mask/Expand_output_0, %/prompt/mask/pads, %/prompt/mask/seen) name "/prompt/mask/Pad" {mode: "constant"} meta {"peftc.role": "prompt.mask"}
  %masked = Where(%/prompt/mask/Pad_output_0, %products, %least) name "/layer.0/attention/Where"
  %weights = Softmax(%masked) name "/layer.0/attention/Softmax" {axis: -1}
  %context = MatMul(%weights, %v_heads) name "/layer.0/attention/MatMul_1"
  %context_split = Transpose(%context) name "/layer.0/attention/Transpose_3" {perm: ints [0, 2, 1, 3]}
  %joined = Reshape(%context_split, %join) name "/layer.0/attention/Reshape_3"
  %o_flat = MatMul(%joined, %o) name "/layer.0/attention/o/MatMul"
  %y = Add(%o_flat, %/prompt/Concat_output_0.1) name "/layer.0/attention/output/Add"
}
