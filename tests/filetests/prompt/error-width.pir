; test: pass prompt
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n], %attention_mask: i64[batch, n]) -> (%logits) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  const %axes = i64[1] {-1}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %ones = Cast(%attention_mask) name "/Cast" {to: 1}
  %column = Unsqueeze(%ones, %axes) name "/Unsqueeze"
  %masked = Mul(%embedded, %column) name "/Mul"
  %logits: f32[batch, n, 2] = Softmax(%masked) name "/Softmax" {axis: -1}
}
--- adapter
{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 4] {9, 8, 7, 6, 9, 8, 7, 6}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): the learned tokens have 4 features (adapter_config.json: token_dim), the model's token embeddings are [3, 2]
