; test: edit
; edit: uses r h
; edit: remove r
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
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %out: f32[n, 2] = Add(%h, %h) name "sum"
}
