; test: edit
; edit: initializer d = f32[2] {1, 1}
; edit: node t = Mul(h, d)
; edit: delta h t
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1.0, 2.0, 3.0, 4.0}
  const %d = f32[2] {1.0, 1.0}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %t = Mul(%h, %d) name "t"
  %h_sum: f32[n, 2] = Add(%h, %t)
  %r = Relu(%h_sum) name "relu"
  %out: f32[n, 2] = Add(%r, %h_sum) name "sum"
}
