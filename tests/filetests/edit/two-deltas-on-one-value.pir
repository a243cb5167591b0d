; test: edit
; edit: node a = Neg(x)
; edit: node b = Abs(x)
; edit: delta h a
; edit: delta h b
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
  %a = Neg(%x) name "a"
  %b = Abs(%x) name "b"
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %h_sum: f32[n, 2] = Add(%h, %a)
  %h_sum.1: f32[n, 2] = Add(%h_sum, %b)
  %r = Relu(%h_sum.1) name "relu"
  %out: f32[n, 2] = Add(%r, %h_sum.1) name "sum"
}
