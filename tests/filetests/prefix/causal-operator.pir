; test: pass prefix
model ir=11 opset ""=23
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2]) -> (%y) {
  %y = Attention(%q, %k, %v) name "/attn/Attention" {is_causal: 1}
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2, 16 parameters, 32 FLOPs per token, k
; note: no positions were found that go into the computation: they stay as they are
model ir=11 opset ""=23
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2]) -> (%y) {
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/length = i64[] {2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/axis = i64[] {2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/start = i64[] {0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/step = i64[] {1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/column = i64[2] {-1, 1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/axis.1 = i64[] {2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/start.1 = i64[] {0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/step.1 = i64[] {1} meta {"peftc.role": "prefix"}
  %/prefix/batch/Shape_output_0 = Shape(%k) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %k) name "/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v) name "/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/mask/Shape_output_0 = Shape(%q) name "/attn/prefix/mask/Shape" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Gather_output_0 = Gather(%/attn/prefix/mask/Shape_output_0, %/attn/prefix/mask/axis) name "/attn/prefix/mask/Gather" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Range_output_0 = Range(%/attn/prefix/mask/start, %/attn/prefix/mask/Gather_output_0, %/attn/prefix/mask/step) name "/attn/prefix/mask/Range" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Add_output_0 = Add(%/attn/prefix/mask/Range_output_0, %/attn/prefix/mask/length) name "/attn/prefix/mask/Add" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Reshape_output_0 = Reshape(%/attn/prefix/mask/Add_output_0, %/attn/prefix/mask/column) name "/attn/prefix/mask/Reshape" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Shape_output_0.1 = Shape(%/attn/prefix/key/Concat_output_0) name "/attn/prefix/mask/Shape.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Gather_output_0.1 = Gather(%/attn/prefix/mask/Shape_output_0.1, %/attn/prefix/mask/axis.1) name "/attn/prefix/mask/Gather.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Range_output_0.1 = Range(%/attn/prefix/mask/start.1, %/attn/prefix/mask/Gather_output_0.1, %/attn/prefix/mask/step.1) name "/attn/prefix/mask/Range.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/LessOrEqual_output_0 = LessOrEqual(%/attn/prefix/mask/Range_output_0.1, %/attn/prefix/mask/Reshape_output_0) name "/attn/prefix/mask/LessOrEqual" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %y = Attention(%q, %/attn/prefix/key/Concat_output_0, %/attn/prefix/value/Concat_output_0, %/attn/prefix/mask/LessOrEqual_output_0) name "/attn/prefix/mask/Attention" {is_causal: 0} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
}
