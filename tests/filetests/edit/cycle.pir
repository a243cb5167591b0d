; test: edit
; edit: node new = Neg(out)
; edit: input r 0 new
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
error: node "sum" (Add): it is on a cycle: it feeds node "new" (Neg), which feeds node "relu" (Relu), which feeds itself
