; test: pass ia3 mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "IA3", "modules_to_save": ["q"]}
const %base_model.model.q.bias = f32[3] {7, 8, 9}
---
; q: saved bias, 3 parameters, b
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b = f32[3] {7.0, 8.0, 9.0}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
