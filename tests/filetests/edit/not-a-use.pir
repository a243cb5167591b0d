; test: edit
; edit: initializer new = f32[2, 2] {5, 6, 7, 8}
; edit: weight w new r/0
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = Relu(%h) name "relu"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
error: edit 1 (replace weight "w" by "new"): input 0 of node "relu" (Relu) does not use the weight
