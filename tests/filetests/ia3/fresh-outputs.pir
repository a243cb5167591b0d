; test: pass ia3 mode=inject targets=["q"]
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
---
; q: scales of outputs, fresh, 3 parameters, 3 FLOPs per token, w
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b = f32[3] {1.0, 1.0, 1.0}
  const %q.ia3_l = f32[3] {1.0, 1.0, 1.0} meta {"peftc.role": "ia3"}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y.1 = Add(%h, %b) name "/q/Add"
  %y = Mul(%y.1, %q.ia3_l) name "/q/ia3/Mul" meta {"peftc.role": "ia3.mul", "peftc.site": "q"}
}
