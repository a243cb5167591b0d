; test: edit
; edit: initializer w = f32[2] {1, 1}
; edit: node r = Add(h, w)
; edit: input out 0 r
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
  const %w.1 = f32[2] {1.0, 1.0}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r.1 = Add(%h, %w.1) name "r"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r.1, %h) name "sum"
}
