; test: pass prefix
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 0, 0, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Softmax(%h) name "/Softmax" {axis: -1}
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
error: pass "prefix" (plugin peftc-plugin-prefix 0.1.0): the model has no attention that is recognized
  looked for: a Softmax over the MatMul of two computed values, whose result is multiplied with a third; the operator Attention of opset 23
  near: node "/Softmax" (Softmax): it is over no MatMul of two computed values
