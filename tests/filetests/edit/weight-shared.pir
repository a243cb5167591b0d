; test: edit
; edit: initializer new = f32[2, 2] {5, 6, 7, 8}
; edit: weight w new h/1
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %h: f32[n, 2] = MatMul(%x, %w) name "mm"
  %r = MatMul(%h, %w) name "again"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
---
; copied: w stays for 1 other use(s), new is the changed copy
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%out) {
  const %w = f32[2, 2] {1.0, 2.0, 3.0, 4.0}
  const %new = f32[2, 2] {5.0, 6.0, 7.0, 8.0}
  %h: f32[n, 2] = MatMul(%x, %new) name "mm"
  %r = MatMul(%h, %w) name "again"
  %out: f32[n, 2] = Add(%r, %h) name "sum"
}
