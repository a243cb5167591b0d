; test: pass prefix
model ir=8 opset ""=17
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2], %places: i64[batch, 1, 1, n]) -> (%y) {
  const %slopes = f32[1, 2, 1, 1] {0.25, 0.0625}
  %t = Transpose(%k) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %t)
  %f = Cast(%places) {to: 1}
  %alibi = Mul(%slopes, %f)
  %m = Add(%s, %alibi)
  %p = Softmax(%m) name "/attn/Softmax"
  %y = MatMul(%p, %v)
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
error: pass "prefix" (plugin peftc-plugin-prefix 0.1.0): attn: its scores have a bias of positions (learned, of slopes, or a window that is a constant) that is none of relative positions as T5's is, which this version cannot extend to a prefix
