; test: pass prefix
; Q and K have norms, scores are capped; the Softmax of a router of experts is no attention.
model ir=11 opset ""=23
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %x: f32[batch, n, 4]) -> (%y, %experts) {
  const %g = f32[2] {1, 2}
  const %cap = f32[] {30}
  const %gate = f32[4, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %three = i64[1] {1}
  %qn = RMSNormalization(%q, %g) {axis: -1}
  %kn = RMSNormalization(%k, %g) {axis: -1}
  %t = Transpose(%kn) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%qn, %t)
  %d = Div(%s, %cap)
  %tanh = Tanh(%d)
  %c = Mul(%tanh, %cap)
  %p = Softmax(%c) name "/attn/Softmax"
  %y = MatMul(%p, %v)
  %logits = MatMul(%x, %gate) name "/gate/MatMul"
  %weights = Softmax(%logits) name "/gate/Softmax"
  %best, %experts = TopK(%weights, %three)
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2, 16 parameters, 32 FLOPs per token, kn
; note: no positions were found that go into the computation: they stay as they are
model ir=11 opset ""=23
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %x: f32[batch, n, 4]) -> (%y, %experts) {
  const %g = f32[2] {1.0, 2.0}
  const %cap = f32[] {30.0}
  const %gate = f32[4, 3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0}
  const %three = i64[1] {1}
  const %attn.prefix.key = f32[1, 2, 2, 2] {0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/first = i64[1] {0} meta {"peftc.role": "prefix"}
  const %/prefix/batch/ones = i64[3] {1, 1, 1} meta {"peftc.role": "prefix"}
  const %attn.prefix.value = f32[1, 2, 2, 2] {4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0} meta {"peftc.role": "prefix"}
  %qn = RMSNormalization(%q, %g) {axis: -1}
  %kn = RMSNormalization(%k, %g) {axis: -1}
  %/prefix/batch/Shape_output_0 = Shape(%kn) name "/prefix/batch/Shape" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Gather_output_0 = Gather(%/prefix/batch/Shape_output_0, %/prefix/batch/first) name "/prefix/batch/Gather" meta {"peftc.role": "prefix.batch"}
  %/prefix/batch/Concat_output_0 = Concat(%/prefix/batch/Gather_output_0, %/prefix/batch/ones) name "/prefix/batch/Concat" {axis: 0} meta {"peftc.role": "prefix.batch"}
  %/attn/prefix/key/Expand_output_0 = Expand(%attn.prefix.key, %/prefix/batch/Concat_output_0) name "/attn/prefix/key/Expand" meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/key/Concat_output_0 = Concat(%/attn/prefix/key/Expand_output_0, %kn) name "/attn/prefix/key/Concat" {axis: 2} meta {"peftc.role": "prefix.key", "peftc.site": "attn"}
  %/attn/prefix/value/Expand_output_0 = Expand(%attn.prefix.value, %/prefix/batch/Concat_output_0) name "/attn/prefix/value/Expand" meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %/attn/prefix/value/Concat_output_0 = Concat(%/attn/prefix/value/Expand_output_0, %v) name "/attn/prefix/value/Concat" {axis: 2} meta {"peftc.role": "prefix.value", "peftc.site": "attn"}
  %t = Transpose(%/attn/prefix/key/Concat_output_0) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%qn, %t)
  %d = Div(%s, %cap)
  %tanh = Tanh(%d)
  %c = Mul(%tanh, %cap)
  %p = Softmax(%c) name "/attn/Softmax"
  %y = MatMul(%p, %/attn/prefix/value/Concat_output_0)
  %logits = MatMul(%x, %gate) name "/gate/MatMul"
  %weights = Softmax(%logits) name "/gate/Softmax"
  %best, %experts = TopK(%weights, %three)
}
