; test: pass ia3 mode=inject
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "IA3", "target_modules": ["q"], "feedforward_modules": ["q"]}
const %base_model.model.q.ia3_l = f32[1, 2] {2, 3}
---
; q: scales of inputs, 2 parameters, 2 FLOPs per token, w
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b = f32[3] {1.0, 1.0, 1.0}
  const %q.ia3_l = f32[2] {2.0, 3.0} meta {"peftc.role": "ia3"}
  %/q/ia3/Mul_output_0 = Mul(%x, %q.ia3_l) name "/q/ia3/Mul" meta {"peftc.role": "ia3.mul", "peftc.site": "q"}
  %h = MatMul(%/q/ia3/Mul_output_0, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
