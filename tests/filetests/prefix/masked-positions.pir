; test: pass prefix
; Positions of masked tokens stay 0, as in PEFT.
model ir=8 opset ""=17
graph g(%ids: i64[batch, n], %mask: i64[batch, n]) -> (%y) {
  const %words = f32[8, 4] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
  const %table = f32[16, 4] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63}
  const %w = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %1 = i64[] {1}
  const %split = i64[4] {0, 0, 2, 2}
  %x = Gather(%words, %ids)
  %sum = CumSum(%mask, %1)
  %places = Mul(%sum, %mask)
  %e = Gather(%table, %places)
  %h = Add(%x, %e)
  %l = MatMul(%h, %w) name "/attn/qkv/MatMul"
  %s = Reshape(%l, %split)
  %v = Transpose(%s) {perm: ints [0, 2, 1, 3]}
  %t = Transpose(%s) {perm: ints [0, 2, 3, 1]}
  %scores = MatMul(%v, %t)
  %p = Softmax(%scores) name "/attn/Softmax"
  %y = MatMul(%p, %v)
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2, 16 parameters, 32 FLOPs per token, s
; note: positions begin at 2: of 16 position embeddings 14 are left for tokens
model ir=8 opset ""=17
graph g(%ids: i64[batch, n], %mask: i64[batch, n]) -> (%y) {
  const %words = f32[8, 4] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0}
  const %table = f32[16, 4] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0, 32.0, 33.0, 34.0, 35.0, 36.0, 37.0, 38.0, 39.0, 40.0, 41.0, 42.0, 43.0, 44.0, 45.0, 46.0, 47.0, 48.0, 49.0, 50.0, 51.0, 52.0, 53.0, 54.0, 55.0, 56.0, 57.0, 58.0, 59.0, 60.0, 61.0, 62.0, 63.0}
  const %w = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %"1" = i64[] {1}
  const %split = i64[4] {0, 0, 2, 2}
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 6.0, 7.0, 14.0, 15.0, 16.0, 17.0} meta {"peftc.role": "prefix"}
  const %/prefix/position/length = i64[] {2} meta {"peftc.role": "prefix"}
  %x = Gather(%words, %ids)
  %sum = CumSum(%mask, %"1")
  %/prefix/position/Add_output_0 = Add(%sum, %/prefix/position/length) name "/prefix/position/Add" meta {"peftc.role": "prefix.position"}
  %places = Mul(%/prefix/position/Add_output_0, %mask)
  %e = Gather(%table, %places)
  %h = Add(%x, %e)
  %l = MatMul(%h, %w) name "/attn/qkv/MatMul"
  %s = Reshape(%l, %split)
  %/prefix/batch/Shape_output_0 = Shape(%s) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %s) name "/attn/prefix/key/Concat" {axis: 1} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %s) name "/attn/prefix/value/Concat" {axis: 1} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %v = Transpose(%/attn/prefix/value/Concat_output_0) {perm: ints [0, 2, 1, 3]}
  %t = Transpose(%/attn/prefix/key/Concat_output_0) {perm: ints [0, 2, 3, 1]}
  %scores = MatMul(%v, %t)
  %p = Softmax(%scores) name "/attn/Softmax"
  %y = MatMul(%p, %v)
}
