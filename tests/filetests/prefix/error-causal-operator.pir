; test: pass prefix
model ir=11 opset ""=23
graph g(%q: f32[batch, 2, n, 2], %k: f32[batch, 2, n, 2], %v: f32[batch, 2, n, 2]) -> (%y) {
  %y = Attention(%q, %k, %v) name "/attn/Attention" {is_causal: 1}
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
error: pass "prefix" (plugin peftc-plugin-prefix 0.1.0): attn: the operator Attention masks by itself (is_causal = 1), so that a prefix in front would be masked too: export the model with an attention mask
