; test: edit
; edit: initializer new = f32[2, 2] {5, 6, 7, 8}
; edit: weight w new h/1
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
  const %w = f32[2, 2] {5.0, 6.0, 7.0, 8.0}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
