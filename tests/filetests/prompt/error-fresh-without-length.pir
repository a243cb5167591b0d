; test: pass prompt
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n]) -> (%y) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %y: f32[batch, n, 2] = Softmax(%embedded) name "/Softmax" {axis: -1}
}
---
error: pass "prompt" (plugin peftc-plugin-prefix 0.1.0): neither an adapter nor a length is given: `adapter` applies one, `length` makes a fresh prompt
