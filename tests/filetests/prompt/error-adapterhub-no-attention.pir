; test: pass prompt
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n]) -> (%y) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %y: f32[batch, n, 2] = Softmax(%embedded) name "/Softmax" {axis: -1}
}
--- adapter
{"config": {"architecture": "prompt_tuning", "combine": "prefix", "prompt_length": 2}, "hidden_size": 2, "model_type": "bert", "name": "a", "version": "adapters.1.2.0"}
const %bert.prompt_tuning.prompt_tunings.a.prompt_embedding.weight = f32[2, 2] {0, 1, 2, 3}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): the model has no attention that is recognized
  looked for: a Softmax over the MatMul of two computed values, whose result is multiplied with a third; the operator Attention of opset 23
  near: node "/Softmax" (Softmax): it is over no MatMul of two computed values
