; test: edit
; edit: initializer rows = f32[1, 2] {5, 6}
; edit: default past rows
model ir=8 opset ""=17
graph g(%x: f32[n, 2], %past: f32[m, 2]) -> (%out) {
  %out: f32[k, 2] = Concat(%past, %x) name "join" {axis: 0}
}
---
model ir=8 opset ""=17
graph g(%x: f32[n, 2], %past: f32[m, 2] = f32[1, 2] {5.0, 6.0}) -> (%out) {
  %out: f32[k, 2] = Concat(%past, %x) name "join" {axis: 0}
}
