; test: pass prompt length=2
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n]) -> (%y) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %y: f32[batch, n, 2] = Softmax(%embedded) name "/Softmax" {axis: -1}
}
--- adapter
{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "token_dim": 2, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 2] {9, 8, 7, 6}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): option "length" is for a fresh prompt; with an adapter its own configuration says it
