; test: edit
; edit: node a = Neg(h)
; edit: node b = Abs(h)
; edit: uses h a
; edit: input r 0 b
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
error: edit 3 (replace input 0 of node "relu" (Relu) by "b"): input 0 of node "relu" (Relu) was already redirected by edit 2 (replace uses of "h" by "a")
