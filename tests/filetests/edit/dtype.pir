; test: edit
; edit: initializer i = i64[2] {1, 1}
; edit: uses h i
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
error: edit 1 (replace uses of "h" by "i"): the old value is f32, the new one i64
