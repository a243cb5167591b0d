; test: pass ia3 mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "IA3"}
const %base_model.model.q.ia3_l = f32[4, 1] {1, 10, 100, 2}
---
error: pass "ia3" (plugin peftc-plugin-ia3 0.1.0): q: ia3_l is [4, 1], expected [3, 1] for the outputs of the layer or [1, 2] for its inputs
