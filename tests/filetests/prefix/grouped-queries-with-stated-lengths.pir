; test: pass prefix
model ir=8 opset ""=17
graph g(%q: f32[batch, 4, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %ids: i64[batch, n]) -> (%y) {
  const %two = i64[1] {2}
  const %four = i64[1] {4}
  const %zero = i64[1] {0}
  const %one = i64[1] {1}
  %sizes = Shape(%ids) name "/attn/Shape"
  %b = Gather(%sizes, %zero) name "/attn/Gather"
  %length = Gather(%sizes, %one) name "/attn/Gather_1"
  %repeated = Concat(%b, %two, %two, %length, %two) name "/attn/Concat" {axis: 0}
  %merged = Concat(%b, %four, %length, %two) name "/attn/Concat_1" {axis: 0}
  %k_column = Unsqueeze(%k, %two) name "/attn/Unsqueeze"
  %k_repeated = Expand(%k_column, %repeated) name "/attn/Expand"
  %k_heads = Reshape(%k_repeated, %merged) name "/attn/Reshape"
  %v_column = Unsqueeze(%v, %two) name "/attn/Unsqueeze_1"
  %v_repeated = Expand(%v_column, %repeated) name "/attn/Expand_1"
  %v_heads = Reshape(%v_repeated, %merged) name "/attn/Reshape_1"
  %k_turned = Transpose(%k_heads) name "/attn/Transpose" {perm: ints [0, 1, 3, 2]}
  %scores = MatMul(%q, %k_turned) name "/attn/MatMul"
  %weights = Softmax(%scores) name "/attn/Softmax" {axis: -1}
  %y = MatMul(%weights, %v_heads) name "/attn/MatMul_1"
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 1, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[1, 8] {0, 1, 2, 3, 4, 5, 6, 7}
---
; attn: 1 keys and values of 2 heads of 2, 8 parameters, 32 FLOPs per token, k
; note: no positions were found that go into the computation: they stay as they are
model ir=8 opset ""=17
graph g(%q: f32[batch, 4, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %ids: i64[batch, n]) -> (%y) {
  const %two = i64[1] {2}
  const %four = i64[1] {4}
  const %zero = i64[1] {0}
  const %one = i64[1] {1}
  const %attn.prefix.key = f32[1, 2, 1, 2] {0.0, 1.0, 2.0, 3.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/key/more = i64[5] {0, 0, 0, 1, 0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/key/more.1 = i64[4] {0, 0, 1, 0} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 1, 2] {4.0, 5.0, 6.0, 7.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/value/more = i64[5] {0, 0, 0, 1, 0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/value/more.1 = i64[4] {0, 0, 1, 0} meta {"peftc.role": "prefix"}
  %/prefix/batch/Shape_output_0 = Shape(%k) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %k) name "/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v) name "/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %sizes = Shape(%ids) name "/attn/Shape"
  %b = Gather(%sizes, %zero) name "/attn/Gather"
  %length = Gather(%sizes, %one) name "/attn/Gather_1"
  %repeated = Concat(%b, %two, %two, %length, %two) name "/attn/Concat" {axis: 0}
  %/attn/prefix/key/Add_output_0 = Add(%repeated, %/attn/prefix/key/more) name "/attn/prefix/key/Add" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Add_output_0 = Add(%repeated, %/attn/prefix/value/more) name "/attn/prefix/value/Add" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %merged = Concat(%b, %four, %length, %two) name "/attn/Concat_1" {axis: 0}
  %/attn/prefix/key/Add_output_0.1 = Add(%merged, %/attn/prefix/key/more.1) name "/attn/prefix/key/Add.1" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Add_output_0.1 = Add(%merged, %/attn/prefix/value/more.1) name "/attn/prefix/value/Add.1" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %k_column = Unsqueeze(%/attn/prefix/key/Concat_output_0, %two) name "/attn/Unsqueeze"
  %k_repeated = Expand(%k_column, %/attn/prefix/key/Add_output_0) name "/attn/Expand"
  %k_heads = Reshape(%k_repeated, %/attn/prefix/key/Add_output_0.1) name "/attn/Reshape"
  %v_column = Unsqueeze(%/attn/prefix/value/Concat_output_0, %two) name "/attn/Unsqueeze_1"
  %v_repeated = Expand(%v_column, %/attn/prefix/value/Add_output_0) name "/attn/Expand_1"
  %v_heads = Reshape(%v_repeated, %/attn/prefix/value/Add_output_0.1) name "/attn/Reshape_1"
  %k_turned = Transpose(%k_heads) name "/attn/Transpose" {perm: ints [0, 1, 3, 2]}
  %scores = MatMul(%q, %k_turned) name "/attn/MatMul"
  %weights = Softmax(%scores) name "/attn/Softmax" {axis: -1}
  %y = MatMul(%weights, %v_heads) name "/attn/MatMul_1"
}
