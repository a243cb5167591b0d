; test: pass prefix
; The places of keys are a running sum of the mask.
model ir=8 opset ""=17
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %mask: i64[batch, n]) -> (%y) {
  const %slopes = f32[2, 1] {0.25, 0.0625}
  const %1 = i64[] {1}
  const %axis = i64[1] {1}
  const %heads = i64[1] {2}
  const %free = i64[1] {-1}
  %t = Transpose(%k) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %t)
  %sum = CumSum(%mask, %1)
  %less = Sub(%sum, %1)
  %places = Mul(%less, %mask)
  %f = Cast(%places) {to: 1}
  %u = Unsqueeze(%f, %axis)
  %each = Mul(%slopes, %u)
  %b = Shape(%q) {start: 0, end: 1}
  %bh = Mul(%b, %heads)
  %n = Shape(%q) {start: 2, end: 3}
  %shape = Concat(%bh, %axis, %n) {axis: 0}
  %alibi = Reshape(%each, %shape)
  %rest = Concat(%bh, %n, %free) {axis: 0}
  %s3 = Reshape(%s, %rest)
  %m = Add(%s3, %alibi)
  %back = Concat(%b, %heads, %n, %free) {axis: 0}
  %m4 = Reshape(%m, %back)
  %p = Softmax(%m4) name "/attn/Softmax"
  %y = MatMul(%p, %v)
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2, 16 parameters, 32 FLOPs per token, k
model ir=8 opset ""=17
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %mask: i64[batch, n]) -> (%y) {
  const %slopes = f32[2, 1] {0.25, 0.0625}
  const %"1" = i64[] {1}
  const %axis = i64[1] {1}
  const %heads = i64[1] {2}
  const %free = i64[1] {-1}
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/sums = i64[2] {-1, 0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/column = i64[2] {-1, 1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/row = i64[4] {1, 2, 1, 2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/axes = i64[2] {0, 1} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/columns = i64[1] {2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/heads = i64[1] {2} meta {"peftc.role": "prefix"}
  const %/attn/prefix/alibi/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  %/prefix/batch/Shape_output_0 = Shape(%k) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %k) name "/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v) name "/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/alibi/Sub_output_0 = Sub(%/attn/prefix/alibi/sums, %"1") name "/attn/prefix/alibi/Sub" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Reshape_output_0 = Reshape(%slopes, %/attn/prefix/alibi/column) name "/attn/prefix/alibi/Reshape" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/CastLike_output_0 = CastLike(%/attn/prefix/alibi/Sub_output_0, %/attn/prefix/alibi/Reshape_output_0) name "/attn/prefix/alibi/CastLike" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Mul_output_0 = Mul(%/attn/prefix/alibi/Reshape_output_0, %/attn/prefix/alibi/CastLike_output_0) name "/attn/prefix/alibi/Mul" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %t = Transpose(%/attn/prefix/key/Concat_output_0) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %t)
  %sum = CumSum(%mask, %"1")
  %less = Sub(%sum, %"1")
  %places = Mul(%less, %mask)
  %f = Cast(%places) {to: 1}
  %u = Unsqueeze(%f, %axis)
  %each = Mul(%slopes, %u)
  %b = Shape(%q) {start: 0, end: 1}
  %bh = Mul(%b, %heads)
  %n = Shape(%q) {start: 2, end: 3}
  %shape = Concat(%bh, %axis, %n) {axis: 0}
  %alibi = Reshape(%each, %shape)
  %/attn/prefix/alibi/CastLike_output_0.1 = CastLike(%/attn/prefix/alibi/Mul_output_0, %alibi) name "/attn/prefix/alibi/CastLike.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Reshape_output_0.1 = Reshape(%/attn/prefix/alibi/CastLike_output_0.1, %/attn/prefix/alibi/row) name "/attn/prefix/alibi/Reshape.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Shape_output_0 = Shape(%alibi) name "/attn/prefix/alibi/Shape" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Gather_output_0 = Gather(%/attn/prefix/alibi/Shape_output_0, %/attn/prefix/alibi/axes) name "/attn/prefix/alibi/Gather" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Concat_output_0 = Concat(%/attn/prefix/alibi/Gather_output_0, %/attn/prefix/alibi/columns) name "/attn/prefix/alibi/Concat" {axis: 0} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Gather_output_0.1 = Gather(%/attn/prefix/alibi/Gather_output_0, %/attn/prefix/alibi/first) name "/attn/prefix/alibi/Gather.1" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Div_output_0 = Div(%/attn/prefix/alibi/Gather_output_0.1, %/attn/prefix/alibi/heads) name "/attn/prefix/alibi/Div" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Concat_output_0.1 = Concat(%/attn/prefix/alibi/Div_output_0, %/attn/prefix/alibi/ones) name "/attn/prefix/alibi/Concat.1" {axis: 0} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Expand_output_0 = Expand(%/attn/prefix/alibi/Reshape_output_0.1, %/attn/prefix/alibi/Concat_output_0.1) name "/attn/prefix/alibi/Expand" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Reshape_output_0.2 = Reshape(%/attn/prefix/alibi/Expand_output_0, %/attn/prefix/alibi/Concat_output_0) name "/attn/prefix/alibi/Reshape.2" meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %/attn/prefix/alibi/Concat_output_0.2 = Concat(%/attn/prefix/alibi/Reshape_output_0.2, %alibi) name "/attn/prefix/alibi/Concat.2" {axis: -1} meta {"peftc.role": "prefix.mask", "peftc.site": "attn"}
  %rest = Concat(%bh, %n, %free) {axis: 0}
  %s3 = Reshape(%s, %rest)
  %m = Add(%s3, %/attn/prefix/alibi/Concat_output_0.2)
  %back = Concat(%b, %heads, %n, %free) {axis: 0}
  %m4 = Reshape(%m, %back)
  %p = Softmax(%m4) name "/attn/Softmax"
  %y = MatMul(%p, %/attn/prefix/value/Concat_output_0)
}
