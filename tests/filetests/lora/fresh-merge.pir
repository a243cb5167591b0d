; test: pass lora mode=merge rank=1
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
---
; note: a fresh adapter has B = 0: merging it leaves every weight as it is; mode = "inject" adds it as a branch
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0.0, 0.0, 0.0, 0.0, 0.0, 0.0}
  const %b = f32[3] {1.0, 1.0, 1.0}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
