; test: edit
; edit: node first = Neg(x)
; edit: node last = Neg(h)
; edit: input out 0 first
; edit: input out 1 last
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
  %first = Neg(%x) name "first"
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %last = Neg(%h) name "last"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%first, %last) name "sum"
}
