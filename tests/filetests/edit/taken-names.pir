; test: edit
; edit: initializer w = f32[2] {1, 1}
; edit: node h = Add(h, w)
; edit: uses h h
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
error: edit 2 (replace uses of "h.1" by "h.1"): v1.4294967295 is not a value of this graph
