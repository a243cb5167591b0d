; test: pass prefix
; A query sees three keys: it does not see those of the prefix for long.
model ir=8 opset ""=17
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %queries: i64[1, 1, n, 1], %keys: i64[1, 1, 1, n]) -> (%y) {
  const %three = i64[] {3}
  const %zero = f32[] {0}
  const %never = f32[] {-1000000}
  %first = Sub(%queries, %three)
  %near = Greater(%keys, %first)
  %past = LessOrEqual(%keys, %queries)
  %seen = And(%near, %past)
  %mask = Where(%seen, %zero, %never)
  %t = Transpose(%k) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %t)
  %m = Add(%s, %mask)
  %p = Softmax(%m) name "/attn/Softmax"
  %y = MatMul(%p, %v)
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2, 16 parameters, 32 FLOPs per token, k
; note: no positions were found that go into the computation: they stay as they are
model ir=8 opset ""=17
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %queries: i64[1, 1, n, 1], %keys: i64[1, 1, 1, n]) -> (%y) {
  const %three = i64[] {3}
  const %zero = f32[] {0.0}
  const %never = f32[] {-1000000.0}
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/keys = i64[2] {-2, -1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/seen = f32[] {0.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/never = f32[] {-3.4028235e38} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/axes = i64[3] {0, 1, 2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/mask/columns = i64[1] {2} meta {"peftc.role": "prefix"}
  %/prefix/batch/Shape_output_0 = Shape(%k) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %k) name "/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v) name "/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %first = Sub(%queries, %three)
  %/attn/prefix/mask/Greater_output_0 = Greater(%/attn/prefix/mask/keys, %first) name "/attn/prefix/mask/Greater" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Where_output_0 = Where(%/attn/prefix/mask/Greater_output_0, %/attn/prefix/mask/seen, %/attn/prefix/mask/never) name "/attn/prefix/mask/Where" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %near = Greater(%keys, %first)
  %past = LessOrEqual(%keys, %queries)
  %seen = And(%near, %past)
  %mask = Where(%seen, %zero, %never)
  %/attn/prefix/mask/Shape_output_0 = Shape(%mask) name "/attn/prefix/mask/Shape" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Gather_output_0 = Gather(%/attn/prefix/mask/Shape_output_0, %/attn/prefix/mask/axes) name "/attn/prefix/mask/Gather" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Concat_output_0 = Concat(%/attn/prefix/mask/Gather_output_0, %/attn/prefix/mask/columns) name "/attn/prefix/mask/Concat" {axis: 0} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Expand_output_0 = Expand(%/attn/prefix/mask/Where_output_0, %/attn/prefix/mask/Concat_output_0) name "/attn/prefix/mask/Expand" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/mask/Concat_output_0.1 = Concat(%/attn/prefix/mask/Expand_output_0, %mask) name "/attn/prefix/mask/Concat.1" {axis: -1} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %t = Transpose(%/attn/prefix/key/Concat_output_0) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %t)
  %m = Add(%s, %/attn/prefix/mask/Concat_output_0.1)
  %p = Softmax(%m) name "/attn/Softmax"
  %y = MatMul(%p, %/attn/prefix/value/Concat_output_0)
}
